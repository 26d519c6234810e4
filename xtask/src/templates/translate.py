"""Prints the template of CloudFormation that SAM makes of its own. Runs in the environment of the SAM CLI.

Usage: translate.py TEMPLATE    where TEMPLATE is what `sam package` has written.
"""

import json
import sys
from pathlib import Path

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


def main() -> None:
    template = yaml_parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    json.dump(Translator({}, Parser()).translate(template, parameter_values={}), sys.stdout)


if __name__ == "__main__":
    main()
