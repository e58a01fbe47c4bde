"""A plug-in of tox: before it installs the kit it installs pulse-status, which the kit needs, from the same checkout.

tox builds one distribution, the one of the root. As an entry of ``deps`` the folder ``pulse`` would be installed once
and then be left as it was, because tox compares only the names of what it has installed.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

from tox.execute.request import StdinSource
from tox.plugin import impl
from tox.tox_env.api import ToxEnv

_building = threading.Lock()
# Not below an environment's own folder, which tox may remove at any time. It is removed when this process ends.
_folder = tempfile.TemporaryDirectory(prefix="pulse-status-", ignore_cleanup_errors=True)


def _pip(tox_env: ToxEnv, *arguments: str) -> None:
    """Run the environment's pip. Raises ``SystemExit`` when it fails, with its output shown."""
    command = ["python", "-I", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    outcome = tox_env.execute(command, StdinSource.OFF, cwd=tox_env.core["tox_root"], run_id="pulse_status")
    outcome.assert_success()


def _wheel(tox_env: ToxEnv) -> Path:
    """The wheel of pulse-status, built once in each run of tox; it suits every environment."""
    with _building:
        wheels = list(Path(_folder.name).glob("*.whl"))
        if not wheels:
            source = tox_env.core["tox_root"] / "pulse"
            _pip(tox_env, "wheel", "--no-deps", "--wheel-dir", _folder.name, str(source))
            wheels = list(Path(_folder.name).glob("*.whl"))
        return wheels[0]


@impl
def tox_on_install(tox_env: ToxEnv, arguments: Any, section: str, of_type: str) -> None:
    """Called by tox before each installation; ``package_deps`` is what `package = deps-only` installs."""
    if of_type in ("package", "package_deps"):
        _pip(tox_env, "install", "--no-deps", "--force-reinstall", str(_wheel(tox_env)))
