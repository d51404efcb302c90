"""Servers that take each other's place behind nginx, under load: no request fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from living_server import is_ready, until, write_slow
from server_process import ServerProcess, environment, free_ports, started
from test_kills import Clients, grpc_is_ready

NGINX = os.environ.get("TEST_NGINX", "") or shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
CONFIGURATION = """
daemon off;
master_process off;
pid FOLDER/pid;
error_log FOLDER/error warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path FOLDER/body;
  proxy_temp_path FOLDER/proxy;
  fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi;
  scgi_temp_path FOLDER/scgi;
  upstream http_servers {
    server 127.0.0.1:HTTP0 max_fails=0;
    server 127.0.0.1:HTTP1 max_fails=0;
    keepalive 16;
  }
  upstream grpc_servers {
    server 127.0.0.1:GRPC0 max_fails=0;
    server 127.0.0.1:GRPC1 max_fails=0;
  }
  server {
    listen 127.0.0.1:LISTEN0;
    location / {
      proxy_pass http://http_servers;
      proxy_http_version 1.1;
      proxy_next_upstream error timeout http_503 non_idempotent;
      proxy_set_header Connection "";
    }
  }
  server {
    listen 127.0.0.1:LISTEN1 http2;
    keepalive_requests 1000000;
    location / {
      grpc_pass grpc://grpc_servers;
      grpc_next_upstream error timeout non_idempotent;
    }
  }
}
"""

pytestmark = pytest.mark.skipif(not NGINX, reason="nginx is not installed (Debian: apt-get install nginx)")


@contextlib.contextmanager
def nginx(folder: Path, listen: list[int], http: list[int], grpc: list[int]) -> Iterator[None]:
    folder.mkdir()
    text = CONFIGURATION.replace("FOLDER", str(folder))
    for name, ports in (("LISTEN", listen), ("HTTP", http), ("GRPC", grpc)):
        for number, port in enumerate(ports):
            text = text.replace(f"{name}{number}", str(port))
    (folder / "nginx.conf").write_text(text)
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error")]
    process = subprocess.Popen(command)
    try:
        yield
        assert process.poll() is None, (folder / "error").read_text()
    finally:
        process.terminate()
        process.wait(30)


def test_a_rolling_restart_fails_no_request(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    write_slow(repository, "quick", 0)
    write_slow(repository, "slow", 20, 4)
    ports = free_ports(8)
    listen, http, grpc = ports[0:2], ports[2:4], ports[4:6]

    def server(place: int) -> contextlib.AbstractContextManager[ServerProcess]:
        """One of the two places behind nginx."""
        given = [f"--http-port={http[place]}", f"--grpc-port={grpc[place]}", f"--metrics-port={ports[6 + place]}"]
        command = [sys.executable, "-m", "triton_lite.cli.main", "serve", str(repository), *given]
        env = environment(TRITON_LITE_RUNTIME_DIR=str(tmp_path / "run"))
        return started([*command, "--shutdown-delay=1"], env, [http[place], grpc[place], ports[6 + place]])

    with contextlib.ExitStack() as stack:
        stack.enter_context(nginx(tmp_path / "nginx", listen, http, grpc))
        old = stack.enter_context(server(0))
        through = ServerProcess(old.process, listen[0], listen[1], ports[6])
        until(lambda: is_ready(through) and grpc_is_ready(through), "nginx answers nothing")
        clients = stack.enter_context(Clients(through))
        clients.wait_for_answers()
        for turn in range(1, 4):
            new = stack.enter_context(server(turn % 2))
            old.process.send_signal(signal.SIGTERM)
            assert old.process.wait(60) == 0, old.text()
            clients.wait_for_answers()
            old = new
        errors = clients.take_errors(clients.all)
        answered = sum(each.answered for each in clients.all)
        print(f"{answered} requests answered, {len(errors)} failed: {set(errors)}")
        assert errors == []
        assert [wrong for each in clients.all for wrong in each.wrong] == []
        clients.__exit__(None, None, None)
