"""Which system this is: its name in manifests and results, whether it is Wine, and the file system of a folder."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path

import psutil

__all__ = ["describe_platform", "file_system_of", "missing_means", "operating_system", "under_wine"]


def operating_system() -> str:
    """The name that manifests and results use for this operating system: ``linux``, ``macos`` or ``windows``."""
    return {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")


def under_wine() -> bool:
    """Whether this Windows is Wine: it shows the share rules of Windows, not its file systems."""
    return sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")


def describe_platform() -> dict[str, str]:
    """The header's entry for the kind of machine (never its host name)."""
    system = f"{operating_system()} (wine)" if under_wine() else operating_system()
    return {"system": system, "release": platform.release(), "machine": platform.machine()}


def missing_means(proc: Path = Path("/proc")) -> str:
    """What this system lacks that no run can do without, and what to do; empty when it lacks nothing."""
    if sys.platform != "linux" or (proc / "self" / "stat").is_file():
        return ""
    return f"{proc} is not mounted here, and the kit needs it to find and end processes: mount -t proc proc {proc}"


def file_system_of(folder: Path) -> str:
    """The type of the file system that holds a folder, such as ``ext4``; ``unknown`` when the system does not say.

    Wine calls every file system NTFS, which says nothing.
    """
    if under_wine():
        return "unknown"
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: len(mount.mountpoint))
    resolved = folder.resolve()
    holding = [mount for mount in mounts if resolved.is_relative_to(mount.mountpoint)]
    return holding[-1].fstype if holding else "unknown"
