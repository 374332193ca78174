import asyncio
import datetime as dt
import ipaddress

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ON_BOTH_LOOPS = {"test_connection.py", "test_lanes.py"}


def pytest_asyncio_loop_factories(config, item):
    """What works on sockets is tried on the loop of the tests and on that of the processes."""
    both = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
    return both if item.path.name in ON_BOTH_LOOPS else {"asyncio": asyncio.SelectorEventLoop}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate of its own authority for 127.0.0.1 and `localhost`, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "all.pem"
    path.write_bytes(certificate.public_bytes(pem) + secret)
    return path
