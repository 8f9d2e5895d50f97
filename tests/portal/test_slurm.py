"""The portal before a real SLURM cluster: submit, watch, cancel, and see the queues."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit.slurm import Cluster
from kit.stand import Stand

expect = pytest.importorskip("playwright.sync_api").expect


def picture(page: Any, name: str) -> None:
    """Keep a picture where somebody wants them: ``RADICAL_EDGE_TEST_PICTURES`` names a folder."""
    if folder := os.environ.get("RADICAL_EDGE_TEST_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.timeout(400)
def test_jobs_on_a_real_cluster(slurm: Cluster, stand: Stand, browsers: Callable[..., Any]) -> None:
    """J2, P4: submit, see the row become ACTIVE and COMPLETED without a reload, read the output, cancel; the queues."""
    bridge = stand.bridge()
    stand.edge("hpc", "--url", bridge.url.replace("http", "ws"), also={"SLURM_CONF": slurm.conf})
    bridge.has("hpc", "psij", "queue_info", within_s=90)
    browser = browsers(bridge.url)
    browser.sign_in(bridge.token)
    try:
        page = browser.go("/ui/e/hpc/psij/submit")
        submit(page, "echo begun; sleep 15; echo over", "debug")
        page.get_by_role("navigation", name="Views").get_by_role("link", name="Jobs").click()
        rows = page.locator(".t-body").get_by_role("row")
        expect(rows.first.get_by_text("ACTIVE")).to_be_visible(timeout=60_000)
        picture(page, "slurm-jobs")
        rows.first.get_by_role("cell").nth(1).click()
        log = page.get_by_role("log", name="stdout")
        expect(log.get_by_text("begun")).to_be_visible(timeout=30_000)
        expect(page.locator("main").get_by_text("COMPLETED").first).to_be_visible(timeout=90_000)
        expect(log.get_by_text("over")).to_be_visible(timeout=30_000)
        picture(page, "slurm-job")
        page = browser.go("/ui/e/hpc/psij/submit")
        page.get_by_role("button", name="Reset").click()
        submit(page, "sleep 600", "debug")
        page.get_by_role("button", name="Open job").click()
        expect(page.get_by_role("heading", name=re.compile("^Job "), level=1)).to_be_visible()
        job = page.url.rpartition("/")[2]
        expect(page.locator("main").get_by_text("ACTIVE").first).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Cancel job").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill(job)
        dialog.get_by_role("button", name="Cancel job").click()
        expect(page.locator("main").get_by_text("CANCELED").first).to_be_visible(timeout=90_000)
        page = browser.go("/ui/e/hpc/queue_info")
        expect(page.get_by_role("meter", name=re.compile("debug")).first).to_be_visible(timeout=30_000)
        assert browser.axe(page) == []
        picture(page, "slurm-queues")
        page.get_by_role("button", name="debug", exact=True).first.click()  # P4
        expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
        page.get_by_role("button", name="JSON").first.click()
        expect(page.get_by_label("Input as JSON")).to_have_value(re.compile('"queue_name": "debug"'))
    finally:
        slurm.cancel_all()


def submit(page: Any, script: str, partition: str) -> None:
    page.get_by_label("Executable").fill("sh")
    arguments = page.get_by_role("group", name="Arguments")
    for text in ("-c", script):
        arguments.get_by_role("button", name="Add").click()
        arguments.get_by_role("textbox").last.fill(text)
    page.get_by_text("More options").click()
    attributes = page.locator("#root_job_spec_attributes")
    attributes.get_by_role("button", name="Add").first.click()
    queue = attributes.get_by_label("Queue name")
    option = queue.locator("option").filter(has_text=partition).first
    option.wait_for(state="attached", timeout=30_000)
    queue.select_option(value=option.get_attribute("value"))
    page.get_by_label("Executor").select_option(label="slurm")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("region", name="Result")).to_be_visible(timeout=60_000)
