"""What every benchmark writes: JSON with the date, the processor, versions and commit beside its figures."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

from numerics.lab import CPU, Device
from numerics.provenance import provenance

RESULTS = Path(__file__).parent / "results"


def write(name: str, figures: dict[str, Any], /, *, device: Device = CPU, folder: Path = RESULTS) -> Path:
    """Write FOLDER/NAME.json and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    data = {
        "schema_version": 1,
        "benchmark": name,
        "date": now.isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        **figures,
        "provenance": provenance(device),
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


def processor() -> str:
    """The processor's model, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
