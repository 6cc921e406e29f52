"""TLS 1.3: a small answer, a large one and handshakes, beside nginx with the same certificate."""

import os
import re
import subprocess

from harness.certificates import self_signed
from harness.figures import Figure
from harness.generators import wrk_plain
from harness.nginx import Nginx
from harness.process import cpu_seconds
from harness.server import Server, free_port

NAME = "tls"
LEAST = 0.85


def _handshakes(pid, port, seconds):
    """New connections a second without resumption, and the server's CPU for one in µs."""
    before = cpu_seconds(pid)
    text = subprocess.run(
        ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-tls1_3", "-time",
         str(seconds)], capture_output=True, text=True, timeout=60).stdout
    count, real = re.search(r"(\d+) connections in (\d+) real seconds", text).groups()
    return int(count) / int(real), (cpu_seconds(pid) - before) / int(count) * 1e6


def round(bench):
    pair = self_signed(bench.folder)
    data = os.path.join(bench.folder, "tls-data")
    ours = Server(data, settings={
        "ROOST_TLS_CERTIFICATES": pair[0], "ROOST_TLS_KEYS": pair[1]})
    small = bench.server.connection()
    sizes = {path: len(small.request("GET", path).body)
             for path in ("/health/live", "/openapi.json")}
    small.close()
    with ours:
        for name, path in (("small", "/health/live"), ("large", "/openapi.json")):
            with Nginx(bench.folder, free_port(), sizes[path], pair) as peer:
                theirs = wrk_plain(peer.pid, f"https://127.0.0.1:{peer.port}/", bench.seconds)
                mine = wrk_plain(
                    ours.pid, f"https://127.0.0.1:{ours.port}{path}", bench.seconds)
                if mine.wrong or theirs.wrong:
                    raise RuntimeError(f"tls: {mine.wrong} and {theirs.wrong} answers were wrong")
                bench.add(f"tls_{name}_rate", mine.rate)
                bench.add(f"tls_{name}_ratio", mine.rate / theirs.rate)
                bench.add(f"tls_{name}_cpu_ratio", mine.cpu / theirs.cpu)
                if name == "small":
                    bench.add("tls_nginx_rate", theirs.rate)
        rate, cpu = _handshakes(ours.pid, ours.port, max(1, bench.seconds // 2))
        bench.add("tls_handshakes", rate)
        bench.add("tls_handshake_cpu", cpu)


def figures(bench):
    rows = bench.samples
    return [
        Figure(NAME, "answers under TLS 1.3, × nginx", "×", rows["tls_small_ratio"],
               (">=", LEAST)),
        Figure(NAME, "answers under TLS 1.3", "/s", rows["tls_small_rate"]),
        Figure(NAME, "nginx answers under TLS 1.3", "/s", rows["tls_nginx_rate"], better=None),
        Figure(NAME, "server CPU a request, × nginx", "×", rows["tls_small_cpu_ratio"]),
        Figure(NAME, "large documents, × nginx", "×", rows["tls_large_ratio"], (">=", LEAST)),
        Figure(NAME, "full handshakes of one client", "/s", rows["tls_handshakes"]),
        Figure(NAME, "server CPU a full handshake", "µs", rows["tls_handshake_cpu"]),
    ]
