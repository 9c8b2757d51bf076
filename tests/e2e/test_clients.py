"""nginx as the origin, curl and Python's http.client as clients."""

import hashlib
import http.client
import subprocess
import unittest

from support import BOUND_SECONDS, Directory, Nginx, Origin, Proxy, tool


class NginxBehindTheProxy(unittest.TestCase):
    def setUp(self):
        self.root = self.enterContext(Directory())
        self.root.chmod(0o755)
        (self.root / "index.html").write_text("welcome\n", encoding="ascii")
        (self.root / "a b.txt").write_text("blank\n", encoding="ascii")
        self.large = bytes(i * 7 % 251 for i in range(3_000_000))
        (self.root / "large.bin").write_bytes(self.large)
        extra = """
            location /echo-fields { return 200 "$http_host|$http_x_forwarded_for|$http_via\n"; }
            location /no-content { return 204; }
            location /go { return 302 /index.html; }
            location /ssi.html { ssi on; }
        """
        # Server-side includes have no length: nginx sends them in chunks.
        (self.root / "ssi.html").write_text(
            '<!--#set var="x" value="included" --><!--#echo var="x" -->' + "x" * 100_000,
            encoding="ascii")
        self.nginx = self.enterContext(Nginx(self.root, extra))
        self.proxy = self.enterContext(Proxy(UPSTREAMS=self.nginx.url))

    def curl(self, path, *arguments):
        done = subprocess.run([tool("curl"), "--silent", "--show-error", "--max-time", "20",
                               *arguments, self.proxy.url + path], capture_output=True, check=True)
        return done.stdout

    def test_curl_gets_files_whole(self):
        self.assertEqual(self.curl("/"), b"welcome\n")
        self.assertEqual(self.curl("/a%20b.txt"), b"blank\n")
        self.assertEqual(hashlib.sha256(self.curl("/large.bin")).digest(),
                         hashlib.sha256(self.large).digest())
        self.assertEqual(self.curl("/large.bin", "--http1.0"), self.large)

    def test_curl_reuses_its_connection(self):
        arguments = []
        for path in ("/", "/large.bin", "/no-content"):
            arguments += ["--next", "--silent", "--output", "/dev/null", "--max-time", "20",
                          "--write-out", "%{num_connects} ", self.proxy.url + path]
        done = subprocess.run([tool("curl"), *arguments[1:]], capture_output=True, text=True,
                              check=True, timeout=BOUND_SECONDS)
        self.assertEqual(done.stdout, "1 0 0 ")

    def test_conditional_and_range_requests(self):
        response, _ = self.proxy.get("/index.html")
        etag = response.getheader("ETag")
        response, content = self.proxy.get("/index.html", {"If-None-Match": etag})
        self.assertEqual((response.status, content), (304, b""))
        self.assertEqual(response.getheader("ETag"), etag)
        response, content = self.proxy.get("/large.bin", {"Range": "bytes=1000-1999"})
        self.assertEqual((response.status, content), (206, self.large[1000:2000]))

    def test_one_connection_of_http_client_does_all(self):
        connection = self.proxy.connect()
        self.addCleanup(connection.close)
        connection.connect()
        first_socket = connection.sock
        expected = [("GET", "/", 200, b"welcome\n"), ("HEAD", "/large.bin", 200, b""),
                    ("GET", "/no-content", 204, b""), ("GET", "/missing", 404, None),
                    ("GET", "/go", 302, None), ("GET", "/large.bin", 200, self.large),
                    ("GET", "/ssi.html", 200, b"included" + b"x" * 100_000)]
        for method, path, status, content in expected * 3:
            connection.request(method, path)
            response = connection.getresponse()
            body = response.read()
            self.assertEqual(response.status, status, path)
            if content is not None:
                self.assertEqual(body, content, path)
            self.assertIs(connection.sock, first_socket, f"closed after {method} {path}")

    def test_host_and_forwarding_fields(self):
        content = self.proxy.get("/echo-fields", {"X-Forwarded-For": "203.0.113.66"})[1]
        host, forwarded, via = content.decode().strip().split("|")
        self.assertEqual(host, f"127.0.0.1:{self.nginx.port}")
        self.assertEqual(forwarded, "127.0.0.1")
        self.assertRegex(via, r"^1\.1 \S+")


class Uploads(unittest.TestCase):
    def test_curl_uploads_with_expect_and_in_chunks(self):
        root = self.enterContext(Directory())
        root.chmod(0o777)
        nginx = self.enterContext(Nginx(root, f"""
            client_max_body_size 100m; client_body_buffer_size 16k;
            location /up/ {{ dav_methods PUT; create_full_put_path on; }}
            location /small/ {{ client_max_body_size 1k; dav_methods PUT; }}"""))
        proxy = self.enterContext(Proxy(UPSTREAMS=nginx.url))
        content = bytes(i * 11 % 253 for i in range(5_000_000))
        local = root / "local.bin"
        local.write_bytes(content)
        for name, arguments in (("plain", []), ("expect", ["--header", "Expect: 100-continue"]),
                                ("chunked", ["--header", "Transfer-Encoding: chunked"])):
            done = subprocess.run(
                [tool("curl"), "--silent", "--show-error", "--max-time", "20", "--write-out",
                 "%{http_code}", "--upload-file", str(local), *arguments,
                 f"{proxy.url}/up/{name}"], capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout, "201", name)
            self.assertEqual(proxy.get(f"/up/{name}")[1], content, name)
        # nginx refuses early, by the length alone.
        done = subprocess.run(
            [tool("curl"), "--silent", "--max-time", "20", "--output", "/dev/null", "--write-out",
             "%{http_code}", "--upload-file", str(local), f"{proxy.url}/small/x"],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "413")

    def test_http_client_uploads_in_chunks(self):
        root = self.enterContext(Directory())
        root.chmod(0o777)
        nginx = self.enterContext(Nginx(root, "location / { dav_methods PUT; }"))
        proxy = self.enterContext(Proxy(UPSTREAMS=nginx.url))
        connection = proxy.connect()
        self.addCleanup(connection.close)
        pieces = [b"piece %d;" % i for i in range(1000)]
        connection.request("PUT", "/chunks", body=iter(pieces), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        self.assertEqual(connection.getresponse().read(), b"")
        self.assertEqual(proxy.get("/chunks")[1], b"".join(pieces))


class BrokenOrigin(unittest.TestCase):
    def test_a_cut_response_is_an_error_for_http_client(self):
        def cut(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")

        origin = self.enterContext(Origin(cut))
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url))
        with self.assertRaises((http.client.IncompleteRead, ConnectionResetError)):
            proxy.get("/")


if __name__ == "__main__":
    unittest.main()
