#!/usr/bin/env python3
"""Writes a bill of materials (SPDX 2.3, JSON) of the daemon to standard output: scripts/sbom.py BUILD

BUILD is a build folder that holds a built reverse-proxy. Listed are the Debian packages whose shared
libraries the binary loads, and those whose headers or archives were compiled in, by what the compiler
noted for each object and what stands on the linker's line. SOURCE_DATE_EPOCH fixes the time in it.
"""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time


def output_of(*command, allowed=(0,)):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode not in allowed:
        sys.exit(f"sbom: {' '.join(command[:3])} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def shared_libraries(binary):
    """The files the loader takes, also those that libraries ask for in turn."""
    return set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", output_of("ldd", str(binary)), re.MULTILINE))


def compiled_in(build):
    """Files outside the project that went into the binary: headers and static archives."""
    files = set()
    target = None
    for line in output_of("ninja", "-C", str(build), "-t", "deps").splitlines():
        if line.startswith("    "):
            if target.startswith("src/") and line.strip().startswith("/usr/"):
                files.add(os.path.normpath(line.strip()))
        elif ":" in line:
            target = line
    link = output_of("ninja", "-C", str(build), "-t", "commands", "-s", "reverse-proxy")
    files |= set(re.findall(r"(/usr/\S+\.a)\b", link))
    return files


def packages_of(files):
    """@return names of the Debian packages that installed these files"""
    # Before the merge of /usr a package may have put a library into /lib.
    spellings = {spelling for file in files for path in (file, os.path.realpath(file))
                 for spelling in (path, path.removeprefix("/usr"), "/usr" + path)}
    names = set()
    for line in output_of("dpkg-query", "--search", *sorted(spellings), allowed=(0, 1)).splitlines():
        owners, _, path = line.partition(": ")
        if path in spellings and not owners.startswith("diversion "):
            names |= set(owners.split(", "))
    return names


def described(name):
    """One installed package as SPDX wants it."""
    fields = output_of("dpkg-query", "--show", "--showformat",
                       "${Package}\t${Version}\t${Architecture}\t${source:Package}\t"
                       "${source:Version}\t${Maintainer}\t${Homepage}", name).split("\t")
    package, version, architecture, source, source_version, maintainer, homepage = fields
    purl = f"pkg:deb/debian/{package}@{version.replace(':', '%3A')}?arch={architecture}"
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^a-zA-Z0-9.-]", "-", package),
        "name": package, "versionInfo": version, "supplier": "Organization: Debian",
        "originator": "Person: " + maintainer if "Team" not in maintainer
                      else "Organization: " + maintainer,
        "homepage": homepage or "NOASSERTION", "downloadLocation": "NOASSERTION",
        "sourceInfo": f"built from the source package {source} {source_version}",
        "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": purl}],
    }


def bill(build):
    binary = build / "reverse-proxy"
    version = output_of(str(binary), "--version").split()[-1]
    digest = hashlib.sha256(binary.read_bytes()).hexdigest()
    made = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())),
                                           datetime.timezone.utc)
    loaded = packages_of(shared_libraries(binary))
    built_in = packages_of(compiled_in(build)) - loaded
    if not loaded or not built_in:
        sys.exit(f"sbom: nothing of Debian's in {binary}; was it built on another machine?")
    parts = {name: described(name) for name in sorted(loaded | built_in)}
    ours = {
        "SPDXID": "SPDXRef-reverse-proxy", "name": "reverse-proxy", "versionInfo": version,
        "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
        "licenseConcluded": "MIT", "licenseDeclared": "MIT", "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
    }
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", ours["SPDXID"])]
    relations += [(ours["SPDXID"], "DYNAMIC_LINK" if name in loaded else "STATIC_LINK",
                   part["SPDXID"]) for name, part in parts.items()]
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"reverse-proxy-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/reverse-proxy-{version}-{digest[:16]}",
        "creationInfo": {"created": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: scripts/sbom.py"]},
        "packages": [ours, *parts.values()],
        "relationships": [{"spdxElementId": one, "relationshipType": kind,
                           "relatedSpdxElement": other} for one, kind, other in relations],
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(json.dumps(bill(pathlib.Path(sys.argv[1]).resolve()), indent=1))
