
"use strict";
{
  // Uploads by the draft "Resumable Uploads for HTTP". A page sees no 104, so an upload is created empty.
  const form = document.querySelector("form.upload");
  const { replace, mkdir, remove } = form.dataset;
  const here = new URL("./", location.href);
  const PARALLEL = 3;
  const WAIT_MAX = 30_000;
  // The server confirms a synced file within 120 s.
  const CONFIRM_MAX = 150_000;
  const RETRIED = [0, 408, 429, 502, 503, 504];
  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const button = (text, act, more) => {
    const element = make("button", { type: "button", ...more }, text);
    element.addEventListener("click", act);
    return element;
  };
  const said = make("p", {});
  said.setAttribute("role", "status");
  const list = make("ul", {});
  const bar = make("progress", { hidden: true, ariaLabel: "All files" });
  const size = (bytes) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let at = 0;
    for (; bytes >= 1000 && at < 4; at++) bytes /= 1000;
    return `${at && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[at]}`;
  };

  /// Status 0: no response.
  const send = (task, method, url, fields = {}, body = null) => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    let timer;
    const limit = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), ms);
    };
    request.open(method, url);
    request.setRequestHeader("Accept", "text/plain");
    Object.entries(fields).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.onprogress = (event) => {
      limit(WAIT_MAX);
      task.show?.(task.offset + event.loaded);
    };
    request.upload.onload = () => limit(CONFIRM_MAX);
    request.onloadend = () => {
      clearTimeout(timer);
      resolve(request);
    };
    task.request = request;
    limit(WAIT_MAX);
    request.send(body);
  });
  const reason = (request) => request.responseText.split("\n")[1] || `The server answered ${request.status}.`;

  let all = "";
  let asking = Promise.resolve();
  const ask = (name) => asking = asking.then(() => all || new Promise((resolve) => {
    const same = make("input", { type: "checkbox" });
    const dialog = make("dialog", { ariaLabel: "Replace?" }, make("form", { method: "dialog" },
      make("p", {}, make("bdi", {}, name), " is here already."),
      make("label", {}, same, " Do the same for all others"),
      make("p", {}, make("button", { value: "replace" }, "Replace"), " ", make("button", { value: "skip" }, "Skip"))));
    dialog.onclose = () => {
      dialog.remove();
      const choice = dialog.returnValue || "skip";
      all = same.checked ? choice : "";
      resolve(choice);
    };
    document.body.append(dialog);
    dialog.showModal();
  }));

  /// One request; `true` once the file is stored.
  const step = async (task) => {
    const { file, url } = task;
    if (!task.location && !task.plain) {
      const fields = { ...task.condition, "Upload-Complete": "?0", "Upload-Length": file.size };
      const request = await send(task, "PUT", url, fields);
      if (request.status >= 300 || !request.status) return request;
      const location = request.getResponseHeader("Location");
      const tag = request.getResponseHeader("ETag");
      if (location && request.getResponseHeader("Upload-Complete") === "?0") {
        task.location = new URL(location, url);
      } else {
        // It knows no resumption, and stored an empty file.
        task.plain = true;
        task.condition = tag ? { "If-Match": tag } : {};
      }
      task.offset = 0;
      return false;
    }
    if (task.plain) {
      const request = await send(task, "PUT", url, task.condition, file);
      return request.status >= 200 && request.status < 300 || request;
    }
    if (task.isUnsure) {
      const request = await send(task, "HEAD", task.location);
      if ([404, 410].includes(request.status)) {
        task.location = null;
        return false;
      }
      if (request.status >= 300 || !request.status) return request;
      if (request.getResponseHeader("Upload-Complete") === "?1") return true;
      task.offset = Number(request.getResponseHeader("Upload-Offset"));
      task.isUnsure = false;
      return false;
    }
    const fields = { "Content-Type": "application/partial-upload", "Upload-Offset": task.offset, "Upload-Complete": "?1" };
    const request = await send(task, "PATCH", task.location, fields, file.slice(task.offset));
    return request.status >= 200 && request.status < 300 || request;
  };

  const transfer = async (task) => {
    let wait = 500;
    let before = 0;
    while (!task.isCancelled) {
      const result = await step(task);
      if (result === true) return "";
      if (result === false) continue;
      if (task.isCancelled) break;
      const { status } = result;
      if (status === 412 && replace) {
        if (await ask(task.path) !== "replace") return "Not replaced.";
        const tag = (await send(task, "HEAD", task.url)).getResponseHeader("ETag");
        Object.assign(task, { condition: { "If-Match": tag || "*" }, location: null, plain: false });
      } else if (RETRIED.includes(status) || (status === 409 && result.getResponseHeader("Upload-Offset"))) {
        wait = task.offset > before ? 500 : Math.min(wait * 2, WAIT_MAX);
        before = task.offset;
        task.isUnsure = true;
        task.note.textContent = "No connection; it goes on by itself.";
        await new Promise((resolve) => {
          task.timer = setTimeout(resolve, wait * (0.5 + Math.random() / 2));
          addEventListener("online", resolve, { once: true });
        });
      } else {
        return reason(result);
      }
    }
    return "Cancelled.";
  };

  const tasks = [];
  const totals = { active: 0, done: 0, count: 0, failed: 0 };
  const show = () => {
    bar.max = totals.count;
    bar.value = totals.done + totals.failed;
    bar.hidden = bar.value === bar.max;
    const failed = totals.failed ? `, ${totals.failed} not` : "";
    if (bar.hidden) said.textContent = `${totals.done} of ${totals.count} files stored${failed}.`;
  };
  const row = (task) => {
    const { path, file } = task;
    const progress = make("progress", { max: file.size || 1, value: 0, ariaLabel: path });
    const end = button("Cancel", () => {
      task.isCancelled = true;
      task.request?.abort();
    }, { ariaLabel: `Cancel ${path}` });
    task.note = make("small", {});
    task.row = make("li", {}, make("bdi", {}, path), progress, task.note, end);
    let [since, sent, speed] = [performance.now(), 0, 0];
    task.show = (now) => {
      progress.value = now;
      const passed = performance.now() - since;
      if (passed < 500) return;
      speed = (speed + Math.max(0, now - sent) / passed * 1000) / (speed ? 2 : 1);
      [since, sent] = [performance.now(), now];
      task.note.textContent = `${size(now)} of ${size(file.size)}, ${size(speed)}/s`;
    };
    list.append(task.row);
  };
  const run = async (task) => {
    totals.active++;
    row(task);
    let error;
    try {
      error = await transfer(task);
    } catch (cause) {
      error = String(cause);
    }
    if (error && task.location) send({}, "DELETE", task.location);
    totals.active--;
    totals[error ? "failed" : "done"]++;
    if (task.row.contains(document.activeElement)) form.querySelector("button").focus();
    task.row.remove();
    if (error) list.append(make("li", { className: "failed" }, make("bdi", {}, task.path), make("small", {}, error)));
    show();
    next();
  };
  const next = () => {
    while (totals.active < PARALLEL && tasks.length) run(tasks.shift());
    if (!totals.active) refresh();
  };
  const add = (file, path) => {
    if (!totals.active && !tasks.length) {
      Object.assign(totals, { done: 0, count: 0, failed: 0 });
      list.replaceChildren();
      all = "";
    }
    const url = new URL(path.split("/").map(encodeURIComponent).join("/"), here);
    tasks.push({ file, path, url, offset: 0, plain: false, condition: { "If-None-Match": "*" } });
    totals.count++;
    said.textContent = `Sending ${totals.count} files.`;
    bar.hidden = false;
    next();
  };
  const walk = async (entry, parent) => {
    if (entry.isFile) return add(await new Promise((ok, no) => entry.file(ok, no)), parent + entry.name);
    const reader = entry.createReader();
    for (;;) {
      const entries = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!entries.length) return;
      for (const inner of entries) await walk(inner, `${parent}${entry.name}/`);
    }
  };

  const change = async (method, url, fields, done) => {
    const request = await send({ offset: 0 }, method, url, fields);
    said.textContent = request.status >= 200 && request.status < 300 ? done : reason(request);
    await refresh();
    if (document.activeElement === document.body) form.querySelector("button").focus();
  };
  const refresh = async () => {
    const page = await fetch(location.href, { headers: { Accept: "text/html" } }).then((response) => response.text(), () => "");
    const fresh = new DOMParser().parseFromString(page, "text/html");
    for (const part of ["main", ".bar > p"]) {
      const node = fresh.querySelector(part);
      if (node) document.querySelector(part).replaceWith(node);
    }
    decorate();
  };
  const decorate = () => {
    if (remove) document.querySelectorAll("tr.e td:first-child:not(:has(button))").forEach((cell) => {
      const name = cell.querySelector("bdi").textContent;
      cell.append(button("Delete", () => {
        const url = cell.querySelector("a").href;
        if (confirm(`Delete ${name}?`)) change("DELETE", url, { "If-Match": "*" }, `${name} is deleted.`);
      }, { ariaLabel: `Delete ${name}` }));
    });
  };

  const chooser = (label, properties) => {
    const input = make("input", { type: "file", multiple: true, hidden: true, ...properties });
    input.onchange = () => {
      [...input.files].forEach((file) => add(file, file.webkitRelativePath || file.name));
      input.value = "";
    };
    return [input, button(label, () => input.click())];
  };
  const newFolder = () => {
    const name = prompt("Name of the new folder");
    if (name) change("MKCOL", new URL(`${encodeURIComponent(name)}/`, here), {}, `The folder ${name} is made.`);
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const hover = (event, is) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.classList.toggle("drop", is);
  };
  addEventListener("dragover", (event) => hover(event, true));
  addEventListener("dragleave", (event) => hover(event, event.relatedTarget !== null));
  addEventListener("drop", (event) => {
    hover(event, false);
    // The list is empty after the first wait.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    entries.reduce((before, entry) => before.then(() => walk(entry, "")), Promise.resolve())
      .catch((cause) => said.textContent = `Cannot read what was dropped: ${cause}`);
  });
  addEventListener("beforeunload", (event) => totals.active && event.preventDefault());
  form.addEventListener("submit", (event) => event.preventDefault());
  form.replaceChildren(
    ...chooser("Upload files", {}),
    ...(mkdir && "webkitdirectory" in make("input", {}) ? chooser("Upload a folder", { webkitdirectory: true }) : []),
    ...(mkdir ? [button("New folder", newFolder)] : []),
    make("span", {}, "or drop them here"), bar, said, list);
  decorate();
}
