"""The bill of materials of the built binary."""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = os.environ["REVERSE_PROXY_BUILD"]


class Bill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([sys.executable, str(ROOT / "scripts" / "sbom.py"), BUILD],
                              env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
                              capture_output=True, text=True, timeout=240, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.bill = json.loads(done.stdout)
        cls.parts = {part["name"]: part for part in cls.bill["packages"]}

    def linked(self, kind):
        named = {part["SPDXID"]: name for name, part in self.parts.items()}
        return {named[each["relatedSpdxElement"]] for each in self.bill["relationships"]
                if each["relationshipType"] == kind}

    def test_every_library_that_is_loaded_is_of_a_listed_package(self):
        wanted = subprocess.run(["readelf", "--dynamic", f"{BUILD}/reverse-proxy"],
                                capture_output=True, text=True, check=True).stdout
        loaded = self.linked("DYNAMIC_LINK")
        for library in re.findall(r"NEEDED.*\[(.*)\]", wanted):
            owners = subprocess.run(["dpkg-query", "--search", f"*/{library}"], text=True,
                                    capture_output=True, check=False).stdout
            names = {line.split(":")[0] for line in owners.splitlines()}
            if names:  # a sanitizer's library may be of no package
                self.assertTrue(names & loaded, f"{library}: {names}")
        self.assertIn("libc6", loaded)

    def test_what_is_compiled_in_is_listed(self):
        self.assertLessEqual({"libboost1.81-dev", "nlohmann-json3-dev", "libcli11-dev",
                              "prometheus-cpp-dev"}, self.linked("STATIC_LINK"))
        self.assertNotIn("libgtest-dev", self.parts)

    def test_its_shape_is_that_of_spdx(self):
        self.assertEqual(self.bill["spdxVersion"], "SPDX-2.3")
        self.assertEqual(self.bill["dataLicense"], "CC0-1.0")
        self.assertEqual(self.bill["creationInfo"]["created"], "2023-11-14T22:13:20Z")
        identifiers = [part["SPDXID"] for part in self.bill["packages"]]
        self.assertEqual(len(set(identifiers)), len(identifiers))
        for part in self.bill["packages"]:
            self.assertRegex(part["SPDXID"], r"^SPDXRef-[a-zA-Z0-9.-]+$")
            self.assertTrue(part["versionInfo"], part["name"])
            self.assertIn("downloadLocation", part)
        for each in self.bill["relationships"]:
            self.assertIn(each["relatedSpdxElement"], identifiers)
            self.assertIn(each["spdxElementId"], [*identifiers, "SPDXRef-DOCUMENT"])
        self.assertNotIn(str(ROOT), json.dumps(self.bill))

    def test_each_package_can_be_looked_up(self):
        for name, part in self.parts.items():
            if name != "reverse-proxy":
                reference, = part["externalRefs"]
                self.assertRegex(reference["referenceLocator"],
                                 rf"^pkg:deb/debian/{re.escape(name)}@[^?:]+\?arch=\w+$")


if __name__ == "__main__":
    unittest.main()
