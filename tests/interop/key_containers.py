"""Writes containers of RFC 6030 with python-pskc: one a line, its key, its secret, itself, in hexadecimal."""

import io
import os
import random

import pskc

TOTP = 'urn:ietf:params:xml:ns:keyprov:pskc:totp'


def write(container, key):
    secret = os.urandom(random.randint(16, 128))
    container.add_key(
        id='1', serial='S', issuer='Example', algorithm=TOTP, algorithm_suite='HMAC-SHA1',
        response_length=6, response_encoding='DECIMAL', secret=secret, time_interval=30)
    text = io.BytesIO()
    container.write(text)
    print(key, secret.hex(), text.getvalue().hex())


for bits in (128, 192, 256):
    for mac in ('sha1', 'sha224', 'sha256', 'sha384', 'sha512'):
        for _ in range(3):
            container, key = pskc.PSKC(), os.urandom(bits // 8)
            container.encryption.setup_preshared_key(key=key, algorithm=f'aes{bits}-cbc')
            container.mac.setup(algorithm=f'hmac-{mac}')
            write(container, key.hex())
    for _ in range(5):
        container, password = pskc.PSKC(), os.urandom(9).hex()
        container.encryption.setup_pbkdf2(
            password, iterations=random.randint(1000, 5000), key_length=bits // 8, algorithm=f'aes{bits}-cbc')
        write(container, f'password:{password}')
