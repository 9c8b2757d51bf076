"""The manifests for Kubernetes, as kustomize puts them together: what they refer to exists, the daemon
takes the settings, and the times of a shutdown fit into each other."""

import pathlib
import subprocess
import unittest

import yaml
from support import run, tool

MANIFESTS = pathlib.Path(__file__).parent.parent.parent / "scripts" / "packaging" / "kubernetes"
TOKEN = ("reverse-proxy-metrics", "token")  # made by the operator, as monitoring/ says


def rendered(folder):
    done = subprocess.run([tool("kubectl"), "kustomize", MANIFESTS / folder], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return {(item["kind"], item["metadata"]["name"]): item
            for item in yaml.safe_load_all(done.stdout)}


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = rendered("base")
        cls.monitoring = rendered("monitoring")
        cls.deployment = cls.base["Deployment", "reverse-proxy"]["spec"]
        cls.pod = cls.deployment["template"]["spec"]
        cls.labels = cls.deployment["template"]["metadata"]["labels"]
        (cls.container,) = cls.pod["containers"]
        cls.ports = {port["name"]: port["containerPort"] for port in cls.container["ports"]}
        (source,) = cls.container["envFrom"]
        cls.settings = cls.base["ConfigMap", source["configMapRef"]["name"]]["data"]

    def test_kinds(self):
        self.assertEqual(sorted(kind for kind, _ in self.base),
                         ["ConfigMap", "Deployment", "HorizontalPodAutoscaler",
                          "PodDisruptionBudget", "Service"])
        self.assertEqual(sorted(kind for kind, _ in self.monitoring),
                         ["Service", "ServiceMonitor"])

    def environment(self):
        """What the container gets, where the Secret is there."""
        found = dict(self.settings)
        for entry in self.container["env"]:
            reference = entry["valueFrom"]["secretKeyRef"]
            self.assertEqual((reference["name"], reference["key"]), TOKEN)
            found[entry["name"]] = "0123456789abcdef"
        return {name.removeprefix("REVERSE_PROXY_"): value for name, value in found.items()}

    def test_the_daemon_takes_the_settings(self):
        settings = self.environment()
        self.assertIn("METRICS_BEARER_TOKEN", settings)
        done = run("--check-config", **settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        # Unknown names would have been told.
        self.assertEqual(run("--check-config", **settings, NO_SUCH_SETTING=1).returncode, 78)

    def test_ports_are_those_the_daemon_listens_on(self):
        self.assertEqual(self.settings["REVERSE_PROXY_ADMIN_LISTEN"],
                         f"0.0.0.0:{self.ports['admin']}")
        self.assertNotIn("REVERSE_PROXY_LISTEN", self.settings)
        self.assertEqual(self.ports["http"], 8000)

    def test_probes(self):
        for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"),
                            ("readinessProbe", "/readyz")):
            self.assertEqual(self.container[probe]["httpGet"], {"path": path, "port": "admin"})

    def test_shutdown_fits_into_the_grace_period(self):
        delay = int(self.settings["REVERSE_PROXY_SHUTDOWN_DELAY_SECONDS"])
        grace = int(self.settings["REVERSE_PROXY_SHUTDOWN_GRACE_SECONDS"])
        # What is cut takes a second or two to end.
        self.assertGreaterEqual(self.pod["terminationGracePeriodSeconds"], delay + grace + 5)
        # Longer than readiness takes to notice.
        ready = self.container["readinessProbe"]
        self.assertGreater(delay, ready["periodSeconds"] * ready["failureThreshold"])
        self.assertNotIn("lifecycle", self.container)

    def test_selectors_find_the_pods(self):
        selectors = [self.deployment["selector"]["matchLabels"],
                     self.base["Service", "reverse-proxy"]["spec"]["selector"],
                     self.monitoring["Service", "reverse-proxy-admin"]["spec"]["selector"],
                     self.base["PodDisruptionBudget", "reverse-proxy"]["spec"]["selector"]
                     ["matchLabels"],
                     self.pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]]
        for selector in selectors:
            self.assertNotEqual(selector, {})
            self.assertLessEqual(selector.items(), self.labels.items())

    def test_services_lead_to_ports_of_the_container(self):
        public = self.base["Service", "reverse-proxy"]["spec"]["ports"]
        self.assertEqual([port["targetPort"] for port in public], ["http"])  # never the admin port
        admin = self.monitoring["Service", "reverse-proxy-admin"]["spec"]["ports"]
        self.assertEqual([port["targetPort"] for port in admin], ["admin"])
        self.assertIn("admin", self.ports)

    def test_the_service_monitor_finds_the_admin_service_alone(self):
        monitor = self.monitoring["ServiceMonitor", "reverse-proxy"]["spec"]
        selector = monitor["selector"]["matchLabels"]
        services = [item for kind, name in [*self.base, *self.monitoring] if kind == "Service"
                    for item in [(self.base | self.monitoring)[kind, name]]
                    if selector.items() <= item["metadata"]["labels"].items()]
        self.assertEqual([item["metadata"]["name"] for item in services], ["reverse-proxy-admin"])
        (endpoint,) = monitor["endpoints"]
        self.assertIn(endpoint["port"], [port["name"] for port in services[0]["spec"]["ports"]])
        self.assertEqual(endpoint["authorization"]["credentials"],
                         {"name": TOKEN[0], "key": TOKEN[1]})

    def test_the_autoscaler_scales_the_deployment(self):
        scaler = self.base["HorizontalPodAutoscaler", "reverse-proxy"]["spec"]
        self.assertEqual(scaler["scaleTargetRef"]["name"], "reverse-proxy")
        self.assertNotIn("replicas", self.deployment)  # else an apply would undo its work
        self.assertIn("cpu", self.container["resources"]["requests"])  # what utilisation is of
        self.assertGreaterEqual(scaler["minReplicas"], 2)  # one may go, by the budget

    def test_confinement(self):
        self.assertTrue(self.pod["securityContext"]["runAsNonRoot"])
        self.assertFalse(self.pod["enableServiceLinks"])
        context = self.container["securityContext"]
        self.assertTrue(context["readOnlyRootFilesystem"])
        self.assertFalse(context["allowPrivilegeEscalation"])
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})

    def test_the_image_is_this_version(self):
        version = run("--version").stdout.split()[-1]
        self.assertEqual(self.container["image"], f"registry.example/reverse-proxy:{version}")


if __name__ == "__main__":
    unittest.main()
