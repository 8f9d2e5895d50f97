"""``radical-edge certs``: a certificate for a bridge, and its key."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import click

CERT: Final = "bridge_cert.pem"
KEY: Final = "bridge_key.pem"


@click.command("certs")
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="A further name or address of the bridge."
)
@click.option("--directory", default=".", type=click.Path(path_type=Path), help="Where the two files go.")
@click.option(
    "--days", default=3650, show_default=True, type=click.IntRange(min=1), help="How long it is good."
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def command(hosts: tuple[str, ...], directory: Path, days: int, force: bool) -> None:
    """
    Make a self-signed certificate (bridge_cert.pem) and its key (bridge_key.pem), with openssl.

    It is good for 127.0.0.1, localhost, and every --host. Both files are readable by you alone; the
    certificate may be copied to whoever uses the bridge, the key must stay.
    """
    for name in (CERT, KEY):
        if (directory / name).exists() and not force:
            raise click.ClickException(f"{directory / name} is there already; --force replaces it")
    directory.mkdir(parents=True, exist_ok=True)
    make_certificate(directory, ("127.0.0.1", "localhost", *hosts), days)
    click.echo(f"certificate: {directory / CERT}")
    click.echo(f"key: {directory / KEY}")
    click.echo(
        f"bridge:  radical-edge up --cert {directory / CERT} --key {directory / KEY}\n"
        f"clients: export RADICAL_BRIDGE_CERT={(directory / CERT).resolve()}",
        err=True,
    )


def make_certificate(directory: Path, hosts: tuple[str, ...], days: int) -> None:
    """
    Write certificate and key, each mode 0600.

    Raises:
        click.ClickException: There is no openssl, or it fails; the text holds its last line.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise click.ClickException("the program openssl is needed and was not found: install it, or set PATH")
    names = ",".join(dict.fromkeys(map(_alternative, hosts)))
    # Made in a folder that nobody else can enter, so the key is never readable in between.
    with tempfile.TemporaryDirectory(dir=directory, prefix=".certs-") as private:
        cert, key = Path(private, CERT), Path(private, KEY)
        done = subprocess.run(
            [
                *(openssl, "req", "-x509", "-nodes", "-days", str(days), "-newkey", "rsa:4096"),
                *(
                    "-keyout",
                    key,
                    "-out",
                    cert,
                    "-subj",
                    "/CN=RADICAL",
                    "-addext",
                    f"subjectAltName = {names}",
                ),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise click.ClickException(f"openssl failed: {reason}")
        for made in (key, cert):
            made.chmod(0o600)
            made.replace(directory / made.name)


def _alternative(host: str) -> str:
    """Return a host as an entry of ``subjectAltName``."""
    try:
        return f"IP:{ip_address(host)}"
    except ValueError:
        pass
    if not host or set(host) & set(",; \n\t="):
        raise click.BadParameter(f"{host!r} is no host name", param_hint="--host")
    return f"DNS:{host}"
