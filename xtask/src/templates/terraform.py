"""Checks Terraform files against the schema of the AWS provider, as npm's `@cdktf/provider-aws` has it in its
TypeScript declarations: every argument and block is known, and none that is required is missing.

Usage: terraform.py PROVIDER FILE…    where PROVIDER is the folder of the package.
"""

import re
import sys
from pathlib import Path

import hcl2

# What every resource and data source takes.
META = {"count", "for_each", "depends_on", "lifecycle", "provider", "provisioner", "connection"}
FIELD = re.compile(r"#(\w+) [^}]*\}[^/]*?\*/\s*readonly (\w+)(\??): ([^;]+);", re.DOTALL)


def interfaces(declarations: str) -> dict[str, dict]:
    """The arguments of each interface by name: whether required, and the interface of a block."""
    found = {}
    for name, body in re.findall(r"export interface (\w+)[^{]*\{(.*?)\n\}", declarations, re.DOTALL):
        found[name] = {
            argument: (optional == "", re.sub(r"\[\]| \| cdktf\.IResolvable", "", kind).strip())
            for argument, _, optional, kind in FIELD.findall(body)
        }
    return found


def check(body: dict, name: str, known: dict, where: str, faults: list[str]) -> None:
    arguments = known[name]
    for key, value in body.items():
        if key in META or key.startswith("__"):
            continue
        if key == "dynamic":
            continue
        if key not in arguments:
            faults.append(f"{where}: there is no `{key}`")
            continue
        block = arguments[key][1]
        if block in known:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    check(each, block, known, f"{where}.{key}", faults)
    for key, (is_required, _) in arguments.items():
        if is_required and key not in body:
            faults.append(f"{where}: `{key}` is missing")


def main() -> int:
    provider, files = Path(sys.argv[1]), sys.argv[2:]
    faults: list[str] = []
    checked = 0
    for file in files:
        with open(file, encoding="utf-8") as text:
            document = hcl2.load(text)
        for section, folder in (("resource", "{}"), ("data", "data-aws-{}")):
            for entry in document.get(section, []):
                for kind, instances in entry.items():
                    kind = kind.strip('"')
                    if not kind.startswith("aws_"):
                        continue
                    path = provider / "lib" / folder.format(kind[4:].replace("_", "-")) / "index.d.ts"
                    if not path.exists():
                        faults.append(f"{file}: there is no {section} `{kind}`")
                        continue
                    known = interfaces(path.read_text(encoding="utf-8"))
                    config = next(name for name in known if re.fullmatch(r"(Data)?\w+Config", name) and is_root(name, kind, section))
                    for label, body in instances.items():
                        check(body, config, known, f"{file}: {kind}.{label.strip(chr(34))}", faults)
                        checked += 1
    print("\n".join(faults) or f"{checked} resources and data sources fit the provider's schema")
    return 1 if faults else 0


def is_root(name: str, kind: str, section: str) -> bool:
    """Whether this interface is the resource's own, not one of its blocks."""
    words = kind if section == "data" else kind[4:]
    expected = "".join(word.capitalize() for word in words.split("_")) + "Config"
    return name.lower() == ("data" + expected if section == "data" else expected).lower()


if __name__ == "__main__":
    sys.exit(main())
