#!/usr/bin/env python3
"""request_cost_test.py BIN: tests of the harness, none of a time."""
import os
import pathlib
import re
import sys
import tempfile
import unittest

import harness
import request_cost

binaries = sys.argv[1]


def round_of(busy, backend_busy, client_busy):
    return {"busy": busy, "backend_busy": backend_busy, "client_busy": client_busy}


class Limit(unittest.TestCase):
    def test_is_none_if_the_process_under_test_was_busy_in_most_rounds(self):
        rounds = [round_of(0.5, 0.9, 0.9), round_of(0.95, 0.9, 0.9), round_of(0.97, 0.9, 0.9)]
        self.assertEqual(request_cost.limit_of(rounds), "")

    def test_is_the_busier_of_client_and_backend(self):
        self.assertEqual(request_cost.limit_of([round_of(0.6, 0.3, 0.8)]), "the client (80% busy)")
        self.assertEqual(request_cost.limit_of([round_of(0.6, 0.8, 0.3)]), "the backend (80% busy)")

    def test_is_the_machine_if_nobody_was_busy(self):
        self.assertEqual(request_cost.limit_of([round_of(0.4, 0.3, 0.4)]), "the machine's other work")


class Clients(unittest.TestCase):
    def test_count_every_answer_that_the_proxy_gives(self):
        for client in harness.CLIENTS:
            for workload in harness.WORKLOADS:
                with self.subTest(client=client, workload=workload.name), tempfile.TemporaryDirectory() as folder:
                    bench = harness.Bench(binaries, pathlib.Path(folder), *harness.cores_apart(), client)
                    with bench.null_server(bench.others) as backend, bench.proxy(
                            f"{binaries}/smartbatch-proxy", [workload.backend(backend.address)], 5) as proxy:
                        answered = bench.client.saturate(proxy.address, 2000, workload).answered
                    told = re.search(r"stopped: of (\d+) requests (\d+) were answered", proxy.said())
                    self.assertEqual(told.groups(), (str(answered), str(answered)))
                    self.assertGreater(answered, 0)


class Run(unittest.TestCase):
    BEFORE = "# Figures\n\n<!-- request_cost: 1 sequence -->\nold\n<!-- end of request_cost -->\n\nThe rest.\n"

    def run_small(self, *more):
        """What is in the document afterwards, and the message if the run ended with an error."""
        with tempfile.TemporaryDirectory() as folder:
            document = pathlib.Path(folder) / "document.md"
            document.write_text(self.BEFORE)
            error = ""
            try:
                request_cost.main([binaries, "--rounds", "1", "--requests", "2000", "--latency-seconds", "0", "--only",
                                   "^(bare server|proxy, B = 5), 1 sequence", "--write", str(document), *more])
            except SystemExit as exit_:
                error = str(exit_.code)
            return document.read_text(), error

    def test_writes_the_table_of_each_client(self):
        for client in harness.CLIENTS:
            with self.subTest(client=client):
                written, error = self.run_small("--client", client, "--allow-limits")
                self.assertEqual(error, "")
                self.assertRegex(written, r"\A# Figures\n\n<!-- request_cost: 1 sequence -->\n\|(.*\n){2}"
                                          r"\| bare server \| \d+\.\d .*\n"
                                          r"\| proxy, B = 5 \| \d+\.\d .*\n"
                                          r"<!-- end of request_cost -->\n\nThe rest.\n\Z")

    def test_fails_and_writes_nothing_if_client_and_server_share_a_core(self):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
        try:
            written, error = self.run_small()
        finally:
            os.sched_setaffinity(0, cores)
        self.assertEqual(written, self.BEFORE)
        self.assertIn("the process under test was not the limit, so nothing is written: bare server, 1 sequence: ", error)
        self.assertIn("--allow-limits", error)


if __name__ == "__main__":
    # A process's output is read after its end; the interpreter closes it.
    unittest.main(argv=sys.argv[:1], warnings="ignore")
