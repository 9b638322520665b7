import os
import subprocess
import sys
from pathlib import Path

from sdp_serving.servers import predict_pb2 as pb

SERVERS = Path(pb.__file__).parent
SERVING = SERVERS.parents[1]


def test_the_generated_files_are_those_of_the_proto(tmp_path: Path) -> None:
    plugins = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    outputs = [f"--proto_path={SERVING}", f"--python_out={tmp_path}", f"--mypy_out=quiet:{tmp_path}"]
    source = SERVERS / "predict.proto"
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *outputs, str(source)], env=plugins, check=True)
    for name in ("predict_pb2.py", "predict_pb2.pyi"):
        made = (tmp_path / "sdp_serving" / "servers" / name).read_text()
        assert made == (SERVERS / name).read_text(), f"{name} has drifted: the command is in predict.proto"
