#!/usr/bin/env bash
# Shows that no public signature of cache-core names a dependency below 1.0: each of its versions would be a break for users.
# It reads the text of what is declared public, so it also refuses such a name in a public item of a private module.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo metadata --locked --format-version 1 --no-deps | python3 -c '
import json, pathlib, re, sys

core = next(package for package in json.load(sys.stdin)["packages"] if package["name"] == "cache-core")
crates = sorted({
    (dependency["rename"] or dependency["name"]).replace("-", "_")
    for dependency in core["dependencies"]
    if dependency["kind"] is None and re.match(r"[\^~=]?0\.", dependency["req"])
})

# How what begins with a word ends. A field ends with its line, and the value of a constant is no part of what it is.
WHOLE, FIELD = r"^\}", r",?\n"
ENDS = {"trait": WHOLE, "enum": WHOLE, "const": r" = |;\n|\{", "static": r" = "}
HEADS = ("fn", "async", "unsafe", "struct", "type", "use", "mod", "macro", "union", "extern", "impl")
ENDS.update(dict.fromkeys(HEADS, r";\n|\{"))
ENDS["use"] = r";\n"

failed, seen = False, 0
for path in sorted(pathlib.Path("crates/cache-core/src").rglob("*.rs")):
    text = re.sub(r"(?m)//.*$", "", path.read_text()).split("#[cfg(test)]\nmod tests")[0]
    # Names that stand for something of these crates in this file.
    names = [crate + "::" for crate in crates]
    for crate in crates:
        for imports in re.findall(r"(?m)^\s*use " + crate + r"::([^;]+);", text):
            names += [name for name in re.findall(r"\w+", imports) if name[0].isupper()]
    named = re.compile("|".join(["(?!)"] + [r"\b" + name + (r"\b" if name[-1] != ":" else "") for name in names]))
    for start in re.finditer(r"(?m)^ *(?:pub +(\w+)|(impl)\b)", text):
        word = start[1] or start[2]
        end = re.compile(ENDS.get(word, FIELD), re.M).search(text, start.end())
        declared = text[start.start():end.end() if end else len(text)]
        if word == "struct" and "(" in declared:
            # Of a tuple only the public fields count.
            head, _, fields = declared.partition("(")
            declared = head + " ".join(re.findall(r"pub [^,]+", fields))
        seen += 1
        if named.search(declared):
            line = text.count("\n", 0, start.start()) + 1
            print("error: {}:{} shows {}".format(path, line, named.search(declared)[0]), file=sys.stderr)
            failed = True
if failed:
    sys.exit("error: wrap it in a type of our own, or wait for its 1.0")
print("{} public declarations of cache-core name none of: {}".format(seen, ", ".join(crates)))
'
