"""The workflows run what a developer runs: the steps of .ci/run and the scripts behind them."""

import pathlib
import re
import shlex
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GATE = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
# The one command that is no script: whether all the others succeeded.
VERDICT = 'test "${{ needs.gate.result }}" = success'


def workflows():
    return {path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
            for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}


def jobs():
    return [(f"{file}: {name}", job) for file, workflow in workflows().items()
            for name, job in workflow["jobs"].items()]


def steps_of_the_gate(which):
    return re.search(rf"^{which}=\(([^)]*)\)", GATE, re.MULTILINE).group(1).split()


def commands(job):
    """What the job's steps run, once for each row of its matrix."""
    rows = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
    for step in job["steps"]:
        for row in rows:
            if "run" in step:
                yield re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found, r=row: r[found.group(1)],
                             step["run"])


def mistake(command):
    """Why it is no command of the repository's, or None."""
    if command == VERDICT:
        return None
    program, *arguments = shlex.split(command)
    if not (ROOT / program).is_file():
        return f"there is no {program}"
    if program == ".ci/run":
        known = steps_of_the_gate("steps") + steps_of_the_gate("asked_for")
        unknown = [step for step in arguments if step not in known]
        return f"no steps of .ci/run: {unknown}" if unknown else None
    return None if program in GATE else f".ci/run does not call {program}"


class Workflows(unittest.TestCase):
    def test_every_command_is_one_that_the_gate_calls(self):
        found = [(where, command) for where, job in jobs() for command in commands(job)]
        self.assertGreater(len(found), 10)
        for where, command in found:
            with self.subTest(where, command=command):
                self.assertIsNone(mistake(command))

    def test_other_commands_would_be_found(self):
        for command in ("make", ".ci/run nothing", "scripts/bench/compare.py", "cmake --preset dev"):
            self.assertIsNotNone(mistake(command), command)

    def test_every_step_of_the_gate_is_run(self):
        run = {command for job in workflows()["ci.yml"]["jobs"].values()
               for command in commands(job)}
        named = {word for command in run if command.startswith(".ci/run") for word in
                 command.split()[1:]}
        for step in steps_of_the_gate("steps"):
            self.assertTrue(step in named or f"scripts/test.sh {step}" in run, step)

    def test_both_systems_are_rows_of_one_matrix(self):
        jobs_of_ci = workflows()["ci.yml"]["jobs"]
        matrices = [name for name, job in jobs_of_ci.items() if "strategy" in job]
        self.assertEqual(matrices, ["gate"])
        run = set(commands(jobs_of_ci["gate"]))
        self.assertLessEqual({".ci/run test", ".ci/run windows"}, run)

    def test_rows_have_names_of_their_own(self):
        rows = workflows()["ci.yml"]["jobs"]["gate"]["strategy"]["matrix"]["include"]
        self.assertEqual(len({row["name"] for row in rows}), len(rows))

    def test_a_release_waits_for_a_tag(self):
        release = workflows()["release.yml"]
        # YAML 1.1 takes the key "on" for a boolean.
        self.assertEqual(release[True], {"push": {"tags": ["v*"]}})
        self.assertEqual(release["permissions"], {"contents": "write"})

    def test_actions_are_pinned_by_major_version(self):
        for where, job in jobs():
            for step in job["steps"]:
                if "uses" in step:
                    self.assertRegex(step["uses"], r"^[\w-]+/[\w-]+@v\d+$", where)

    def test_rights_and_times_are_bounded(self):
        for file, workflow in workflows().items():
            self.assertIn("permissions", workflow, file)
        for where, job in jobs():
            if list(commands(job)) != [VERDICT]:
                self.assertIn("timeout-minutes", job, where)


if __name__ == "__main__":
    unittest.main()
