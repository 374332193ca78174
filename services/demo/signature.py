"""How a carrier signs a webhook: written from its documentation, and sharing no code with the system that verifies."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

HEADER = "X-Twilio-Signature"


def sign(secret: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """Return the signature of a form POST to `url`: HMAC-SHA1 over the URL and every field in order of its key.

    Repeated keys count once per distinct value, in order of the values. A GET is signed with no fields, since its
    parameters stand in the URL. The fragment of a URL is never signed.
    """
    signed = url.partition("#")[0] + "".join(key + value for key, value in sorted(set(fields)))
    digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
