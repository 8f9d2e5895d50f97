"""Certificates, made as the reference tells users to make them."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(
    folder: Path, names: str = "IP:127.0.0.1,DNS:localhost", key_type: str = "rsa:4096"
) -> tuple[Path, Path]:
    """Make a self-signed certificate and its key, and return their paths; a shorter key is made sooner."""
    cert, key = folder / "bridge_cert.pem", folder / "bridge_key.pem"
    subprocess.run(
        (
            "openssl", "req", "-x509", "-nodes", "-days", "3650", "-newkey", key_type,
            "-keyout", str(key), "-out", str(cert),
            "-subj", "/CN=RADICAL",
            "-addext", f"subjectAltName = {names}",
        ),
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key
