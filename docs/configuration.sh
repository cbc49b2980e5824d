#!/usr/bin/env bash
# Prints docs/configuration.md, as `make docs` stores it: `docs/configuration.sh BINARY`.
set -euo pipefail
cat <<'PAGE'
# Configuration

No setting is needed. Settings come from a TOML file (`--config FILE` or `BINNACLE_CONFIG`), the environment (`storage.path` is `BINNACLE_STORAGE_PATH`) and
flags (`--set storage.path=DIR`); a flag beats the environment, which beats the file. Unknown keys and wrong values are refused by name.

<!-- not run: the last command serves until it is stopped -->
```sh
binnacle config print > binnacle.toml              # what is in force, as a file to start from
binnacle config check --config binnacle.toml       # everything that is wrong with it
binnacle serve --config binnacle.toml --set storage.retention=7days
```

Files of rules, SLOs and routes are read again when they change; a change of a setting needs a restart.

All settings with their defaults, as `binnacle config print` says them:

```toml
PAGE
# Nothing of the environment, and no file, changes a default.
env -i "$1" config print
echo '```'
