"""The status page in a real browser, before a real proxy and origins that die and return (docs/status.md).

STATUS_SCREENSHOT=docs/status.png makes the picture of the documentation anew, which takes some minutes.
"""

import os
import pathlib
import random
import threading
import unittest

from browser import Browser
from support import Origin, Proxy, free_port, simple_origin, wait_until

TOKEN = "a-token-of-the-tests"


def answering_origin(port=0):
    """Answers /<status> with that status, all else with 200."""

    def handle(connection, received):
        path = received.split(b" ", 2)[1].rsplit(b"/", 1)[-1]
        status = path if path.isdigit() else b"200"
        connection.sendall(b"HTTP/1.1 %s X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status)

    return Origin(handle, port)


class StatusPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(Browser())

    def setUp(self):
        self.browser.open("about:blank")
        self.browser.window(1200, 900)
        self.browser.scheme("light")
        self.browser.take_log()
        self.browser.take_requests()
        self.tolerated = []

    def tearDown(self):
        log = [line for line in self.browser.take_log()
               if not any(known in line for known in self.tolerated)]
        self.assertEqual(log, [], "nothing to complain about")
        asked = self.browser.take_requests() - {"about://", "data://"}
        self.assertLessEqual(asked, {self.page.rsplit("/", 1)[0]}, "nobody else is asked")

    def start(self, **settings):
        admin = free_port()
        proxy = self.enterContext(Proxy(ADMIN_LISTEN=f"127.0.0.1:{admin}", ACCESS_LOG="false",
                                        WORKERS=2, **settings))
        self.page = f"http://127.0.0.1:{admin}/status"
        return proxy

    def text(self, selector):
        return self.browser.run("return document.querySelector(arguments[0]).innerText", selector)

    def wait_text(self, selector, part):
        wait_until(lambda: part in self.text(selector), f"{part} in {selector}")

    def rows(self, table):
        """@return the cells' texts of each row"""
        return self.browser.run(
            "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
            ".map(row => [...row.cells].map(cell => cell.textContent))", f"#{table}")

    def wait_row(self, table, *wanted):
        """Until a row holds these texts among its cells."""
        wait_until(lambda: any(set(wanted) <= set(row) for row in self.rows(table)),
                   f"{wanted} in {table}")

    def test_shows_what_was_sent_and_goes_on_doing_so(self):
        origins = [self.enterContext(answering_origin()) for _ in range(2)]
        proxy = self.start(UPSTREAMS=",".join(origin.url for origin in origins))
        self.browser.open(self.page)
        self.wait_text("#state", "Serving")
        self.wait_text("#no-transitions", "No endpoint has changed")
        for path, times in (("/", 20), ("/500", 5), ("/404", 3)):
            for _ in range(times):
                proxy.get(path)
        self.wait_text("#requests .detail", "28 requests")
        self.wait_text("#errors .detail", "5 × 5xx")
        self.assertIn("3 × 4xx", self.text("#errors .detail"))
        self.assertEqual(self.text("#errors b"), "17.9 %")
        self.assertRegex(self.text("#latency .detail"), r"p50 [\d.]+ m?s.*p90 [\d.]+ m?s.*p99 [\d.]+ m?s")
        for origin in origins:
            self.wait_row("endpoints", f"127.0.0.1:{origin.port}", "healthy", "closed", "50 %", "14")
        paths = self.browser.run("return document.querySelectorAll('svg path.line').length")
        self.assertEqual(paths, 1 + 2 + 3 + 1, "each line is drawn")
        for card in ("requests", "errors", "latency", "in-flight"):
            drawn = self.browser.run(
                "return [...document.querySelectorAll(arguments[0] + ' path.line')]"
                ".every(path => path.getAttribute('d').startsWith('M'))", f"#{card}")
            self.assertTrue(drawn, card)
        for _ in range(12):
            proxy.get()
        self.wait_text("#requests .detail", "40 requests")

    def test_shows_requests_in_flight(self):
        arrived, released = threading.Event(), threading.Event()

        def hold(connection, _):
            arrived.set()
            released.wait(20)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

        self.addCleanup(released.set)
        origin = self.enterContext(Origin(hold))
        proxy = self.start(UPSTREAMS=origin.url, MAX_IN_FLIGHT=1)
        self.browser.open(self.page)
        self.wait_text("#in-flight", "of at most 1")
        self.wait_text("#in-flight b", "0")
        held = threading.Thread(target=proxy.get)
        held.start()
        self.assertTrue(arrived.wait(20))
        self.wait_text("#in-flight b", "1")  # at the limit: the page itself needs no place
        self.wait_text("#in-flight .detail", "100 %")
        released.set()
        held.join(20)
        self.wait_text("#in-flight b", "0")

    def test_an_endpoint_dies_and_returns_for_the_breaker(self):
        well = self.enterContext(simple_origin())
        ill = simple_origin()
        ill.__enter__()
        name = f"127.0.0.1:{ill.port}"
        proxy = self.start(UPSTREAMS=f"{well.url},{ill.url}", CIRCUIT_BREAKER_FAILURE_THRESHOLD=3,
                           CIRCUIT_BREAKER_OPEN_MS=1000, RETRY_BUDGET_PERCENT=100)
        self.browser.open(self.page)
        self.wait_row("endpoints", name, "healthy", "closed")
        ill.__exit__()

        def send_until(*wanted):
            def seen():
                proxy.get()
                return any(set(wanted) <= set(row) for row in self.rows("transitions"))
            wait_until(seen, f"{wanted} among the transitions")

        send_until(name, "closed → open", "failed attempts")
        failed = [int(row[5]) for row in self.rows("endpoints") if row[0] == name]
        wait_until(lambda: [int(row[5]) for row in self.rows("endpoints") if row[0] == name] >= [3],
                   f"failed attempts are counted, not {failed}")
        self.wait_text("#news", f"{name}: ")
        self.enterContext(simple_origin(port=ill.port))
        send_until(name, "half-open → closed", "an attempt succeeded")
        self.wait_row("endpoints", name, "closed")

    def test_an_endpoint_dies_and_returns_for_the_probes(self):
        well = self.enterContext(simple_origin())
        ill = simple_origin()
        ill.__enter__()
        name = f"127.0.0.1:{ill.port}"
        self.start(UPSTREAMS=f"{well.url},{ill.url}", HEALTHCHECK="true",
                   HEALTHCHECK_INTERVAL_SECS=1, HEALTHCHECK_UNHEALTHY_THRESHOLD=1,
                   HEALTHCHECK_HEALTHY_THRESHOLD=1)
        self.browser.open(self.page)
        self.wait_row("endpoints", name, "healthy")
        ill.__exit__()
        self.wait_row("endpoints", name, "unhealthy")
        self.wait_row("transitions", name, "healthy → unhealthy", "connect: Connection refused")
        self.assertEqual(self.text("#state"), "Serving")
        self.enterContext(simple_origin(port=ill.port))
        self.wait_row("transitions", name, "unhealthy → healthy", "status 200")

    def test_asks_for_the_token(self):
        origin = self.enterContext(simple_origin())
        proxy = self.start(UPSTREAMS=origin.url, METRICS_BEARER_TOKEN=TOKEN)
        proxy.get()
        self.browser.open(self.page)
        visible = "document.querySelector(arguments[0]).checkVisibility()"
        self.assertTrue(self.browser.run(f"return {visible}", "#login"))
        self.assertFalse(self.browser.run(f"return {visible}", "main"))
        self.assertNotIn(str(origin.port), self.browser.run("return document.body.innerHTML"))

        def enter(token):
            field = self.browser.command("/element", using="css selector", value="#token")
            identifier = next(iter(field.values()))
            self.browser.command(f"/element/{identifier}/value", text=token + "\ue007")

        self.tolerated = ["401"]  # what Chromium itself says of such an answer
        enter("another")
        self.wait_text("#refused", "not the right one")
        self.assertFalse(self.browser.run(f"return {visible}", "main"))
        enter(TOKEN)
        self.wait_row("endpoints", f"127.0.0.1:{origin.port}")
        self.assertFalse(self.browser.run(f"return {visible}", "#login"))
        self.assertEqual(len(self.browser.take_log()), 1, "of the wrong token alone")
        self.browser.open(self.page)  # this tab has it still
        self.wait_row("endpoints", f"127.0.0.1:{origin.port}")
        self.assertNotIn(TOKEN, self.browser.run("return location.href + document.cookie"))

    def test_says_when_nobody_answers(self):
        origin = self.enterContext(simple_origin())
        proxy = self.start(UPSTREAMS=origin.url)
        self.browser.open(self.page)
        self.wait_text("#state", "Serving")
        self.tolerated = ["ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET"]
        proxy.__exit__()
        self.wait_text("#state", "No answer")
        self.assertEqual(len(self.rows("endpoints")), 1, "what was known stays")

    def test_names_are_text_and_no_script_but_its_own_runs(self):
        origin = self.enterContext(simple_origin())
        self.start(UPSTREAMS=f"{origin.url}/&lt;b&gt;'x'")
        self.browser.open(self.page)
        self.wait_row("endpoints", f"127.0.0.1:{origin.port}/&lt;b&gt;'x'")
        for attempt in ("const s = document.createElement('script'); s.append('window.ran = 1');"
                        "document.body.append(s)",
                        "const s = document.createElement('style'); s.append('body{opacity:0}');"
                        "document.head.append(s)"):
            self.browser.run(attempt)
        self.assertEqual(self.browser.run("return [window.ran ?? 0,"
                                          "getComputedStyle(document.body).opacity]"), [0, "1"])
        log = "\n".join(self.browser.take_log())
        self.assertIn("requires 'TrustedScript'", log)
        self.assertIn("style-src", log)

    def test_fits_a_phone_and_can_be_read_in_light_and_dark(self):
        origin = self.enterContext(answering_origin())
        dead = free_port()
        prefix = "/a-rather-long-prefix-without-any-place-to-break-it-at-all/of-an-upstream"
        proxy = self.start(UPSTREAMS=f"{origin.url}{prefix},http://127.0.0.1:{dead}",
                           CIRCUIT_BREAKER_FAILURE_THRESHOLD=1, CIRCUIT_BREAKER_OPEN_MS=3_600_000)
        for path in ("/", "/404", "/500"):
            for _ in range(3):
                proxy.get(path)
        backgrounds = set()
        for scheme in ("light", "dark"):
            self.browser.scheme(scheme)
            for width, height, mobile in ((360, 740, True), (820, 1100, True), (980, 700, False)):
                self.browser.window(width, height, mobile)
                self.browser.open(self.page)
                self.wait_row("endpoints", f"127.0.0.1:{dead}", "open")
                self.wait_text("#requests .detail", "9 requests")
                where = f"{scheme}, {width} pixels wide"
                self.assertEqual(self.browser.run(WIDER_THAN_THE_WINDOW), [], where)
                self.assertEqual(self.browser.run(HARD_TO_READ), [], where)
            backgrounds.add(self.browser.run("return getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(backgrounds), 2)

    @unittest.skipUnless(os.environ.get("STATUS_SCREENSHOT"), "no picture is asked for")
    def test_picture(self):
        """Five minutes in which an origin dies and returns, and then another one."""
        chance = random.Random(7)

        def handle(connection, _):
            threading.Event().wait(chance.lognormvariate(-4.2, 0.6))
            status = b"404" if chance.random() < 0.01 else b"500" if chance.random() < 0.004 else b"200"
            connection.sendall(b"HTTP/1.1 %s X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status)

        ports = [9101, 9102, 9103]
        origins = {port: Origin(handle, port).__enter__() for port in ports}
        proxy = self.start(UPSTREAMS=",".join(f"http://127.0.0.1:{port}" for port in ports),
                           HEALTHCHECK="true", HEALTHCHECK_INTERVAL_SECS=5,
                           CIRCUIT_BREAKER_OPEN_MS=15000)
        over = threading.Event()

        def clients(number):
            while not over.wait(chance.expovariate(1) / (10 + number)):
                proxy.get()

        load = [threading.Thread(target=clients, args=(number,)) for number in range(4)]
        for thread in load:
            thread.start()
        for wait, change in ((90, lambda: origins.pop(9103).__exit__()),
                             (80, lambda: origins.update({9103: Origin(handle, 9103).__enter__()})),
                             (125, lambda: origins.pop(9102).__exit__()), (12, over.is_set)):
            over.wait(wait)
            change()
        self.browser.window(1200, 900)
        self.browser.open(self.page)
        self.wait_row("endpoints", "127.0.0.1:9102", "unhealthy")
        pathlib.Path(os.environ["STATUS_SCREENSHOT"]).write_bytes(self.browser.screenshot())
        over.set()
        for thread in load:
            thread.join()
        for origin in origins.values():
            origin.__exit__()


# Elements that reach beyond the window's right edge.
WIDER_THAN_THE_WINDOW = """
    const width = document.documentElement.clientWidth;
    return [...document.querySelectorAll("body, body *")]
        .filter(element => element.checkVisibility() && !element.closest(".unseen, thead, svg"))
        .filter(element => element.getBoundingClientRect().right > width + 0.5 ||
                           element.scrollWidth > Math.max(element.clientWidth, 1) + 1 &&
                           getComputedStyle(element).display !== "inline")
        .map(element => element.outerHTML.slice(0, 80))
        .concat(document.documentElement.scrollWidth > width ? ["the page itself"] : []);
"""

# Texts with a contrast below 4.5 to 1 (WCAG 2.2, 1.4.3).
HARD_TO_READ = """
    const channels = (text) => text.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    function behind(element) {
        for (let at = element; at; at = at.parentElement) {
            const colour = channels(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    }
    function contrast(element) {
        const style = getComputedStyle(element);
        const own = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
        const [low, high] = [luminance(channels(own)), luminance(behind(element))].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    }
    return [...document.querySelectorAll("body *")]
        .filter(element => element.checkVisibility() && !element.closest(".unseen, script, style"))
        .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
        .filter(element => contrast(element) < 4.5)
        .map(element => `${element.outerHTML.slice(0, 80)} ${contrast(element).toFixed(2)}`);
"""
