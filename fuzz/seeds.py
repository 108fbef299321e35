#!/usr/bin/env python3
"""Writes corpus/TARGET/ from seeds/TARGET.txt: one seed a line, with the escapes of Python.

The seeds of saved_run are the saved runs of the tests.
"""
import pathlib
import shutil

here = pathlib.Path(__file__).parent
for source in sorted((here / "seeds").glob("*.txt")):
    corpus = here / "corpus" / source.stem
    corpus.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(source.read_text("latin-1").splitlines()):
        seed = line.encode("latin-1").decode("unicode_escape").encode("latin-1")
        (corpus / f"seed-{number}").write_bytes(seed)
    print(f"{source.stem}: {number + 1} seeds")

corpus = here / "corpus" / "saved_run"
corpus.mkdir(parents=True, exist_ok=True)
for run in (here.parent / "tests/it/fixtures").glob("*.run"):
    shutil.copyfile(run, corpus / run.name)
