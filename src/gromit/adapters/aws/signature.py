"""Signatures of requests to AWS: version 4, with the key of a day kept.

The SDK derives the key again for each request, and walks its own form of a request for the rest. A
test compares both.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass, field

from botocore.credentials import ReadOnlyCredentials

_ALGORITHM = "AWS4-HMAC-SHA256"
_END = "aws4_request"


@dataclass(slots=True)
class RequestSigner:
    """Signs POST requests without a query to one path of a service."""

    region: str
    service: str
    path: str
    _key: tuple[tuple[str, str], bytes] | None = field(default=None, init=False)
    """Day and secret, and the key derived from them."""

    def headers(
        self, signed: dict[str, str], body: bytes, keys: ReadOnlyCredentials, now_s: float
    ) -> dict[str, str]:
        """Return `signed`, lower-case names in order, with a time, a token and the signature."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
        signed = {**signed, "x-amz-date": stamp}
        if keys.token:
            signed["x-amz-security-token"] = keys.token
        names = sorted(signed)
        lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in names)
        listed, hashed = ";".join(names), hashlib.sha256(body).hexdigest()
        canonical = f"POST\n{self.path}\n\n{lines}\n{listed}\n{hashed}"
        scope = f"{stamp[:8]}/{self.region}/{self.service}/{_END}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(
            self._derived(keys.secret_key or "", stamp[:8]), text.encode(), "sha256"
        )
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={keys.access_key}/{scope},"
            f" SignedHeaders={listed}, Signature={signature.hex()}"
        )
        return signed

    def _derived(self, secret: str, day: str) -> bytes:
        kept = self._key
        if kept is not None and kept[0] == (day, secret):
            return kept[1]
        key = f"AWS4{secret}".encode()
        for part in (day, self.region, self.service, _END):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key = ((day, secret), key)
        return key
