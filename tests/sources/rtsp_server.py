"""A real RTSP server on loopback, as a process: GStreamer's, driven through its C library."""

import ctypes
import subprocess
import sys
from ctypes import c_char_p, c_int, c_uint, c_void_p
from typing import Any

PICTURES = (
    "( videotestsrc is-live=true pattern=ball "
    "! video/x-raw,format=I420,width=320,height=240,framerate=20/1 "
    "! jpegenc ! rtpjpegpay name=pay0 )"
)
LIBRARIES = ("libgstreamer-1.0.so.0", "libgstrtspserver-1.0.so.0", "libglib-2.0.so.0")


class RtspServer:
    """The process; it can go away and come back at the same address."""

    def __init__(self) -> None:
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._port}/line"

    def start(self) -> None:
        """Start serving; the first time at a free port."""
        command = [sys.executable, __file__, str(self._port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"GStreamer's RTSP server is missing: {', '.join(LIBRARIES)}"
        self._port = int(line)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.communicate(timeout=10)


def serve(port: str) -> None:
    """Serve moving pictures; tells its port on standard output."""
    gst, rtsp, glib = (ctypes.CDLL(name) for name in LIBRARIES)
    _call(gst, "gst_init", None, (c_void_p, None), (c_void_p, None))
    server = _call(rtsp, "gst_rtsp_server_new", c_void_p)
    on_server = (c_void_p, server)
    _call(rtsp, "gst_rtsp_server_set_address", None, on_server, (c_char_p, b"127.0.0.1"))
    _call(rtsp, "gst_rtsp_server_set_service", None, on_server, (c_char_p, port.encode()))
    factory = (c_void_p, _call(rtsp, "gst_rtsp_media_factory_new", c_void_p))
    launch = (c_char_p, PICTURES.encode())
    _call(rtsp, "gst_rtsp_media_factory_set_launch", None, factory, launch)
    mounts = (c_void_p, _call(rtsp, "gst_rtsp_server_get_mount_points", c_void_p, on_server))
    path = (c_char_p, b"/line")
    _call(rtsp, "gst_rtsp_mount_points_add_factory", None, mounts, path, factory)
    _call(rtsp, "gst_rtsp_server_attach", c_uint, on_server, (c_void_p, None))
    bound = _call(rtsp, "gst_rtsp_server_get_bound_port", c_int, on_server)
    sys.stdout.write(f"{bound}\n")
    sys.stdout.flush()
    loop = _call(glib, "g_main_loop_new", c_void_p, (c_void_p, None), (c_int, 0))
    _call(glib, "g_main_loop_run", None, (c_void_p, loop))


def _call(library: ctypes.CDLL, name: str, result: Any, *arguments: tuple[Any, Any]) -> Any:
    function = getattr(library, name)
    function.restype, function.argtypes = result, [kind for kind, _ in arguments]
    return function(*(value for _, value in arguments))


if __name__ == "__main__":
    serve(sys.argv[1])
