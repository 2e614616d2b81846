"""Reads dashboards with Grafana's own types and writes them again: what does not come back is what Grafana does not know.

Grafana ignores a misspelt field without a word, and the panel looks almost right. check-monitoring.sh runs it with the
types of one release after the other; the first argument says which, the others are the dashboards.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# Fields of the Prometheus data source, which are its own and not in the schema of dashboards.
OF_PROMETHEUS = {"titleFormat"}


def lost(before, after, path=""):
    """Yields the paths of what is in one document and differs in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{path}/{key}")
            elif key not in OF_PROMETHEUS and value not in (None, {}, [], "", False):
                yield f"{path}/{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, value in enumerate(before):
            yield from lost(value, after[number], f"{path}/{number}")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


def main(release, *files):
    register_default_plugins()
    failed = False
    for file in files:
        with open(file, encoding="utf-8") as opened:
            before = json.load(opened)
        after = json.loads(JSONEncoder().encode(Dashboard.from_json(before)))
        for path in lost(before, after):
            print(f"{file}: Grafana {release} does not know {path}", file=sys.stderr)
            failed = True
    print(f"{len(files)} dashboards" + (" FAILED" if failed else f" are as Grafana {release} reads them"))
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
