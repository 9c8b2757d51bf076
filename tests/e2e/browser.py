"""A headless Chromium, driven over the WebDriver protocol by the standard library alone."""

import base64
import json
import os
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from support import BOUND_SECONDS, end, free_port, tool, wait_listening, wait_until


class Browser:
    """One window. What it logs and whom it asks is kept until `take_log` and `take_requests`."""

    def __init__(self):
        self._driver = None
        self._session = ""
        self._port = free_port()
        self._profile = tempfile.TemporaryDirectory(prefix="rp-e2e-chromium-")

    def __enter__(self):
        arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update",
                     "--hide-scrollbars", f"--user-data-dir={self._profile.name}",
                     # Whatever it would look for outside, it does not find.
                     "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # which Chromium as root wants
        self._driver = subprocess.Popen([tool("chromedriver"), f"--port={self._port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_listening(self._driver, self._port)
            session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"binary": tool("chromium"), "args": arguments},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        except BaseException:
            self.__exit__()
            raise
        self._session = f"/session/{session['sessionId']}"
        return self

    def __exit__(self, *_):
        if self._session:
            self._call("DELETE", self._session)
        end(self._driver)
        self._profile.cleanup()

    def _call(self, method, path, content=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=3 * BOUND_SECONDS) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"WebDriver: {error.read().decode()}") from error

    def command(self, path, **content):
        return self._call("POST", self._session + path, content)

    def devtools(self, name, **parameters):
        return self.command("/goog/cdp/execute", cmd=name, params=parameters)

    def open(self, url):
        self.command("/url", url=url)

    def run(self, script, *arguments):
        """@return what `script`, a function's body, returns"""
        return self.command("/execute/sync", script=script, args=arguments)

    def wait(self, condition, what):
        """Until the JavaScript expression is true."""
        wait_until(lambda: self.run(f"return Boolean({condition})"), f"{what}: {condition}")

    def window(self, width, height, mobile=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=mobile)

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self):
        """@return a PNG of the whole page"""
        picture = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(picture["data"])

    def take_log(self):
        """Messages of the console, those about blocked content among them, since the last call."""
        return [entry["message"] for entry in self.command("/se/log", type="browser")]

    def take_requests(self):
        """Addresses that were asked for since the last call, as scheme://host:port."""
        asked = set()
        for entry in self.command("/se/log", type="performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = urllib.parse.urlsplit(message["params"]["request"]["url"])
                asked.add(f"{url.scheme}://{url.netloc}")
        return asked
