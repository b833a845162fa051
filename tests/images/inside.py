"""Runs in an image, by its Python: prints as JSON what there is."""

import importlib.util
import json
import os
import shutil
import stat
import sys
from pathlib import Path

PROGRAMS = ["pip", "pip3", "uv", "uvx", "gcc", "cc", "c++", "make", "ld", "git", "curl", "wget", "pytest"]
MODULES = ["pip", "uv", "pytest", "hypothesis", "moto", "mypy", "ruff", "psutil", "tandem_local", "tests"]
SECRETS = (".env", ".pem", ".key", ".p12", ".pgpass", ".netrc", "secrets.json")

files = [path for path in Path("/app").rglob("*") if not path.is_symlink() and path.is_file()]
site = next(Path("/app/.venv/lib").glob("python*/site-packages"))
own = [path for name in ("tandem_*", "payment_sandbox") for top in site.glob(name) for path in top.rglob("*.py")]
json.dump(
    {
        "user": [os.getuid(), os.getgid()],
        "programs": [name for name in PROGRAMS if shutil.which(name)],
        "modules": [name for name in MODULES if importlib.util.find_spec(name)],
        "top": sorted(path.name for path in Path("/app").iterdir()),
        "git": [str(path) for path in Path("/app").rglob(".git")],
        "secrets": [str(path) for path in files if path.name.endswith(SECRETS) and path.name != "cacert.pem"],
        "writable": [str(path) for path in files if os.access(path, os.W_OK) or path.stat().st_mode & stat.S_IWOTH],
        "own": sorted({path.relative_to(site).parts[0] for path in own}),
        "uncompiled": [str(path) for path in own if not Path(importlib.util.cache_from_source(str(path))).exists()],
        "megabytes": sum(path.stat().st_size for path in files) / 1e6,
    },
    sys.stdout,
)
