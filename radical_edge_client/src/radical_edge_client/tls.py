"""TLS towards the bridge: verified always, against the system's authorities or one certificate file."""

from __future__ import annotations

import ssl

from radical_edge_client.errors import CertificateRefused, SettingsError


def client_context(cert: str | None) -> ssl.SSLContext:
    """
    Return the context for connections to the bridge.

    Args:
        cert: A PEM file with the authority, or with the bridge's own self-signed certificate; it is then the
            only one trusted. ``None``: the system's authorities. The host name is verified in either case.

    Raises:
        SettingsError: The file can't be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=cert)
    except OSError as error:  # ssl.SSLError is one
        reason = (
            error.strerror
            if error.strerror and not isinstance(error, ssl.SSLError)
            else "no certificate in it"
        )
        raise SettingsError(
            f"the certificate file {cert} can't be used ({reason}): give the bridge's certificate in PEM form"
        ) from error
    context.set_alpn_protocols(["http/1.1"])
    # A pinned certificate need not be an authority's, and self-made ones often lack what strict checks ask
    # for.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def refused(error: BaseException, host: str, cert: str | None) -> CertificateRefused:
    """Say in one sentence what a failed handshake means and what to do."""
    reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in {62, 64}:
        # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        return CertificateRefused(
            f"the bridge's certificate is not for {host}: use a name that is in it, or make one for this name"
            f" (radical-edge certs --host {host})"
        )
    if isinstance(error, ssl.SSLCertVerificationError) and cert:
        return CertificateRefused(
            f"the bridge at {host} shows another certificate than {cert} ({reason}): copy the bridge's"
            " present one there"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRefused(
            f"the bridge's certificate is not trusted ({reason}): give it with cert= or RADICAL_BRIDGE_CERT"
        )
    return CertificateRefused(f"no TLS with {host} ({reason}): does the bridge speak https there?")
