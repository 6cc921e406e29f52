"""A static answer, `GET /health/live`, beside nginx returning a body of the same size."""

from harness.figures import Figure
from harness.generators import wrk_plain

NAME = "static"


def round(bench):
    path = "/health/live"
    answer = bench.server.connection().request("GET", path)
    peer = bench.peer(len(answer.body))
    theirs = wrk_plain(peer.pid, f"http://127.0.0.1:{peer.port}{path}", bench.seconds)
    ours = wrk_plain(bench.server.pid, f"http://127.0.0.1:{bench.server.port}{path}", bench.seconds)
    if ours.wrong or theirs.wrong:
        raise RuntimeError(f"static: {ours.wrong} and {theirs.wrong} answers were wrong")
    bench.add("static_rate", ours.rate)
    bench.add("static_cpu", ours.cpu)
    bench.add("nginx_rate", theirs.rate)
    bench.add("nginx_cpu", theirs.cpu)
    bench.add("static_ratio", ours.cpu / theirs.cpu)
    bench.add("static_rate_ratio", ours.rate / theirs.rate)


def figures(bench):
    rows = bench.samples
    return [
        Figure(NAME, "server CPU a request, × nginx", "×", rows["static_ratio"], ("<=", 1.1)),
        Figure(NAME, "server CPU a request", "µs", rows["static_cpu"]),
        Figure(NAME, "nginx CPU a request", "µs", rows["nginx_cpu"], better=None),
        Figure(NAME, "answers", "/s", rows["static_rate"],
               relative=f"{_median(rows['static_rate_ratio']):.2f} × nginx"),
        Figure(NAME, "nginx answers", "/s", rows["nginx_rate"], better=None),
    ]


def _median(values):
    return sorted(values)[len(values) // 2]
