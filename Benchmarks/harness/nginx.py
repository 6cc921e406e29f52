"""nginx, the peer of a static answer: two workers, no access log, `return 200` of a given body; with
TLS 1.3 where it gets a certificate."""

import os
import socket
import subprocess
import time

CONFIGURATION = """\
{user}worker_processes 2;
error_log stderr crit;
pid {folder}/nginx.pid;
daemon off;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}{secure} reuseport;{certificate}
    location / {{ default_type application/json; {answer} }}
  }}
}}
"""


CERTIFICATE = """
    ssl_certificate {0};
    ssl_certificate_key {1};
    ssl_protocols TLSv1.3;"""


class Nginx:
    """A running nginx; use as a context. `certificate` is a chain's file and a key's."""

    def __init__(self, folder, port, size, certificate=None):
        self.folder = os.path.join(folder, "nginx-tls" if certificate else "nginx")
        self.port, self.certificate = port, certificate
        self.body = "x" * size
        self.process = None

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(CONFIGURATION.format(
                folder=self.folder, port=self.port, answer=self._answer(),
                # Its workers read a file of this folder, which is nobody else's.
                user="user root;\n" if os.getuid() == 0 else "",
                secure=" ssl" if self.certificate else "",
                certificate=CERTIFICATE.format(*self.certificate) if self.certificate else ""))
        self.process = subprocess.Popen(
            ["nginx", "-c", path, "-p", self.folder], stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("nginx does not listen")

    def _answer(self):
        """A body of the configuration, which may be of 4 KB; a larger one is a file."""
        if len(self.body) < 4000:
            return f"return 200 '{self.body}';"
        with open(os.path.join(self.folder, "large"), "w") as file:
            file.write(self.body)
        return f"root {self.folder}; rewrite ^ /large break;"

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    @property
    def pid(self):
        return self.process.pid


def version():
    """The installed nginx's version, or None."""
    try:
        text = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
        return text.strip().rsplit("/", 1)[-1]
    except OSError:
        return None
