"""The functions that the rules are about, by their dotted names."""

from __future__ import annotations

RUN_CODE = {"builtins.eval", "builtins.exec", "builtins.compile", "code.InteractiveInterpreter", "runpy.run_path"}
SHELLS = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
    "commands.getoutput",
    "pty.spawn",
}
PROGRAMS = {
    *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")),
    *(f"os.{name}" for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile")),
    *(f"os.{kind}{ways}" for kind in ("exec", "spawn") for ways in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
    "asyncio.create_subprocess_exec",
    "multiprocessing.Process",
}
UNSAFE_LOADS = {
    *(
        f"{kind}.{name}"
        for kind in ("pickle", "_pickle", "cPickle", "dill", "cloudpickle")
        for name in ("load", "loads")
    ),
    *(f"{kind}.Unpickler" for kind in ("pickle", "_pickle", "dill")),
    "marshal.load",
    "marshal.loads",
    "shelve.open",
    "joblib.load",
    "pandas.read_pickle",
    "jsonpickle.decode",
    "torch.load",
}
UNSAFE_YAML = {f"yaml.{name}" for name in ("load", "load_all", "unsafe_load", "unsafe_load_all", "full_load")}
SAFE_LOADERS = {"yaml.SafeLoader", "yaml.CSafeLoader", "yaml.BaseLoader"}
DYNAMIC_IMPORTS = {"builtins.__import__", "importlib.import_module", "importlib.__import__", "imp.load_source"}
INTERPRETER_INTERNALS = {
    "__subclasses__",
    "__globals__",
    "__builtins__",
    "__bases__",
    "__mro__",
    "__code__",
    "__closure__",
    "f_globals",
    "f_builtins",
    "gi_frame",
    "cr_frame",
}
NATIVE = {"ctypes", "cffi", "_ctypes"}
PROCESS_WIDE = {
    *(f"os.{name}" for name in ("_exit", "abort", "kill", "killpg", "chdir", "setuid", "umask", "putenv")),
    *(f"sys.{name}" for name in ("exit", "settrace", "setprofile", "setrecursionlimit")),
    *(f"signal.{name}" for name in ("signal", "alarm", "setitimer")),
    "builtins.exit",
    "builtins.quit",
    "builtins.breakpoint",
    "atexit.register",
    "faulthandler.enable",
}
TEMPLATES = {"jinja2.Template", "mako.template.Template"}

NETWORK = {
    *("requests", "httpx", "aiohttp", "urllib3", "socket", "websockets", "websocket", "paramiko", "boto3", "botocore"),
    *("ftplib", "smtplib", "imaplib", "poplib", "telnetlib", "socketserver", "xmlrpc", "grpc", "pycurl", "openai"),
    *("psycopg", "psycopg2", "pymysql", "MySQLdb", "pymongo", "redis", "asyncpg", "aiosmtplib", "aioredis", "kafka"),
    "urllib.request",
    "http.client",
    "asyncio.open_connection",
    "asyncio.start_server",
    "journeyman.ToolContext().http",
    "journeyman.tools.tool.BlockingToolContext().http",
}
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_SESSIONS = ("requests", "requests.Session()", "requests.session()")
NEEDS_TIMEOUT = {
    **{f"{session}.{verb}": None for session in _SESSIONS for verb in _VERBS},
    "urllib.request.urlopen": 2,  # position of the timeout among the arguments
    "socket.create_connection": 1,
    "http.client.HTTPConnection": 2,
    "http.client.HTTPSConnection": 4,
    "smtplib.SMTP": 3,
    "smtplib.SMTP_SSL": 5,
    "ftplib.FTP": 4,
    "imaplib.IMAP4_SSL": None,
}
UNCHECKED_TLS = {"ssl._create_unverified_context", "ssl.CERT_NONE"}

_PATH = "pathlib.Path()"
PATH_WRITES = {
    *(f"{_PATH}.{name}" for name in ("write_text", "write_bytes", "unlink", "mkdir", "rmdir", "touch", "rename")),
    *(f"{_PATH}.{name}" for name in ("replace", "chmod", "symlink_to", "hardlink_to")),
}
PATH_READS = {f"{_PATH}.{name}" for name in ("read_text", "read_bytes", "iterdir", "glob", "rglob")}
WRITES = {  # function -> position of the path among its arguments
    **{f"os.{name}": 0 for name in ("remove", "unlink", "rmdir", "removedirs", "mkdir", "makedirs", "chmod", "chown")},
    **{f"os.{name}": 1 for name in ("rename", "replace", "link", "symlink")},
    **{f"shutil.{name}": 1 for name in ("copy", "copy2", "copyfile", "copytree", "move")},
    "shutil.rmtree": 0,
    "os.truncate": 0,
}
OPENS = {"builtins.open", "io.open", "codecs.open", f"{_PATH}.open", "gzip.open", "bz2.open", "lzma.open"}
UNSAFE_NAMES = {"tempfile.mktemp", "os.tempnam"}
ARCHIVES = {"tarfile.open().extractall", "tarfile.TarFile().extractall", "tarfile.open().extract"}
UNPACKERS = {"shutil.unpack_archive"}

WAITS = {  # they block until another process or host answers
    "time.sleep",
    "builtins.input",
    "select.select",
    *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "getoutput", "getstatusoutput")),
    *("os.system", "os.popen", "os.wait", "os.waitpid", "socket.create_connection", "socket.getaddrinfo"),
    *("socket.gethostbyname", "urllib.request.urlopen", "urllib.request.urlretrieve"),
    *(f"{session}.{verb}" for session in _SESSIONS for verb in _VERBS),
    *(f"httpx.{verb}" for verb in _VERBS),
    *(f"httpx.Client().{verb}" for verb in _VERBS),
    *(f"socket.socket().{name}" for name in ("connect", "recv", "send", "sendall", "accept")),
    *("psycopg.connect", "psycopg2.connect", "pymysql.connect", "MySQLdb.connect", "pymongo.MongoClient"),
    *("smtplib.SMTP", "smtplib.SMTP_SSL", "ftplib.FTP", "asyncio.run", "http.client.HTTPSConnection().request"),
}
LOCAL_IO = {
    *OPENS,
    *PATH_READS,
    *PATH_WRITES,
    "sqlite3.connect",
    "sqlite3.connect().execute",
    "sqlite3.connect().executemany",
    "sqlite3.connect().commit",
    *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copytree", "move", "rmtree")),
    *("os.walk", "os.listdir", "os.scandir", "glob.glob"),
}
