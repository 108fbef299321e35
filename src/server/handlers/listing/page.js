
"use strict";
{
  // What is typed hides the rows that do not match; Enter asks the server, which knows all pages.
  const field = document.querySelector("input[name=filter]");
  const first = field.value;
  const whole = field.form.dataset.whole === "yes";
  const narrow = () => {
    const text = field.value.toLowerCase();
    // An upload replaces them.
    const said = document.querySelector(".bar [role=status]");
    const rows = document.querySelectorAll("tr.e");
    let shown = 0;
    rows.forEach((row) => {
      row.hidden = !row.querySelector("bdi").textContent.toLowerCase().includes(text);
      shown += row.hidden ? 0 : 1;
    });
    const more = whole ? "" : "; Enter looks in the whole folder";
    said.textContent = field.value === first ? "" : `\u00b7 ${shown} of ${rows.length} shown${more}`;
  };
  field.addEventListener("input", narrow);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== field) {
      event.preventDefault();
      field.select();
    } else if (event.key === "Escape" && event.target === field && field.value !== first) {
      field.value = first;
      narrow();
    }
  });
}
