"""From a form to the output of what it started: checks F1 to F6, T1 to T4, J1 to J4, O1, P1, X2, X4."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from kit.hosts import Bridge
from kit.stand import Stand
from kit.waiting import until

expect = pytest.importorskip("playwright.sync_api").expect


def test_a_job_from_submission_to_its_end(browser: Any, bridge: Bridge) -> None:
    """Fill the form, submit, see the row change, open the job, read its output as it comes, cancel another."""
    page = browser.go("/ui/e/hpc/psij")
    page.get_by_role("link", name="Submit").first.click()
    page.get_by_label("Executable").fill("sh")
    arguments = page.get_by_role("group", name="Arguments")
    for text in ("-c", "echo first; sleep 3; echo last; echo wrong >&2"):
        arguments.get_by_role("button", name="Add").click()
        arguments.get_by_role("textbox").last.fill(text)
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Open job").click()
    expect(page.get_by_role("heading", name=re.compile("^Job "), level=1)).to_be_visible()
    log = page.get_by_role("log", name="stdout")
    expect(log.get_by_text("first")).to_be_visible()
    expect(page.locator("main").get_by_text("COMPLETED").first).to_be_visible()
    expect(log.get_by_text("last")).to_be_visible()
    page.get_by_role("tab", name="stderr").click()
    expect(page.get_by_role("log", name="stderr").get_by_text("wrong")).to_be_visible()
    timeline = page.get_by_role("region", name="Timeline")
    for step in ("Submitted", "Started", "Ended"):
        expect(timeline.get_by_text(step)).to_be_visible()
    expect(timeline.get_by_text("not yet")).to_be_hidden()
    address = page.url
    page.reload()  # J4
    expect(page.get_by_role("log", name="stdout").get_by_text("last")).to_be_visible()
    assert page.url == address
    page.get_by_role("button", name="Use as template").click()
    expect(page.get_by_label("Executable")).to_have_value("sh")


def test_cancelling_a_job_asks_and_shows_the_end(browser: Any, bridge: Bridge) -> None:
    """X4 and J3: the dialog names edge, plugin and job, keeps by default, and the row changes by itself."""
    sid = bridge.session("hpc", "psij", name="portal")
    made = bridge.post(f"/hpc/psij/submit/{sid}", {"job_spec": {"executable": "sleep", "arguments": ["300"]}})
    page = browser.go("/ui/e/hpc/psij")
    row = page.get_by_role("row").filter(has_text=made["job_id"])
    expect(row.get_by_text("ACTIVE")).to_be_visible()
    row.get_by_role("button", name="Cancel job").click()
    dialog = page.get_by_role("dialog", name="cancel_job?")
    for text in ("hpc", "psij", made["job_id"]):
        expect(dialog.get_by_text(text).first).to_be_visible()
    expect(dialog.get_by_role("button", name="Keep")).to_be_focused()
    assert browser.axe(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(row.get_by_text("ACTIVE")).to_be_visible()
    row.get_by_role("button", name="Cancel job").click()
    dialog.get_by_role("textbox").fill(made["job_id"])
    dialog.get_by_role("button", name="Cancel job").click()
    expect(row.get_by_text("CANCELED")).to_be_visible()


def test_f1_every_feature_of_a_schema_has_a_field(browser: Any) -> None:
    """F1: text, numbers, choices, lists, objects, maps and alternatives go in, and come back as they were."""
    page = browser.go("/ui/e/hpc/studio/features")
    form = page.locator("form.sf")
    form.get_by_role("textbox", name="Text").fill("hello")
    form.get_by_role("spinbutton", name="Whole", exact=True).fill("5")
    form.get_by_role("spinbutton", name="Number", exact=True).fill("2.5")
    form.get_by_role("checkbox", name="Yes").check()
    form.get_by_role("combobox", name="Kind", exact=True).select_option(label="two")
    words = form.get_by_role("group", name="Words")
    words.get_by_role("button", name="Add").click()
    words.get_by_role("textbox").fill("word")
    points = form.get_by_role("group", name="Points")
    points.get_by_role("button", name="Add").last.click()
    points.get_by_role("spinbutton", name="X").fill("4")
    point = form.locator("#root_point")
    point.get_by_role("button", name="Add").click()
    point.get_by_role("spinbutton", name="X").fill("8")
    names = form.get_by_role("group", name="Names")
    names.get_by_role("button", name="Add").click()
    names.get_by_role("textbox", name="Name").fill("seven")
    names.get_by_role("textbox", name="Name").press("Tab")
    names.get_by_role("spinbutton").fill("7")
    assert browser.axe(page) == []
    page.get_by_role("button", name="Every feature").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_be_visible()
    told = result.inner_text()
    for text in ("hello", "2.5", "two", "word", "yes", "7", "8"):
        assert text in told, told


def test_f2_an_empty_form_tells_what_is_missing(browser: Any) -> None:
    """F2: a summary that links to the fields, the first one focused, marked and described."""
    page = browser.go("/ui/e/hpc/studio/features")
    page.get_by_role("button", name="Every feature").click()
    summary = page.get_by_role("alert")
    expect(summary.get_by_role("link", name="Text")).to_be_visible()
    field = page.get_by_role("textbox", name="Text")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    described = page.locator(f"#{field.get_attribute('aria-describedby')}")
    expect(described).to_have_text("is required")
    assert browser.axe(page) == []
    page.get_by_role("heading", level=1).focus()
    summary.get_by_role("link", name="Text").click()
    expect(field).to_be_focused()


def test_f3_what_the_edge_refuses_shows_at_the_field(browser: Any) -> None:
    """F3: a problem that only the edge knows of lands on the field that it is about."""
    browser.allowed.append(r"Failed to load resource.*422")
    page = browser.go("/ui/e/hpc/studio/begin")
    page.get_by_label("Name").fill("refused")
    page.get_by_role("button", name="Begin a take").click()
    expect(page.locator("#root_name__error")).to_have_text("is not wanted here")
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")


def test_f4_a_double_click_submits_once(browser: Any, bridge: Bridge) -> None:
    """F4: one take, however fast the button is pressed."""
    page = browser.go("/ui/e/hpc/studio/begin")
    page.get_by_label("Name").fill("only one")
    page.get_by_role("button", name="Begin a take").dblclick()
    expect(page.get_by_role("region", name="Result")).to_be_visible()
    sid = bridge.session("hpc", "studio", name="portal")
    takes = bridge.get(f"/hpc/studio/takes/{sid}")["takes"]
    assert [take["name"] for take in takes].count("only one") == 1


def test_f5_f6_f7_drafts_examples_and_json(browser: Any) -> None:
    """F5: a draft survives a reload, and Reset drops it. F6: examples fill the form. F7: so does JSON, both ways."""
    page = browser.go("/ui/e/hpc/studio/begin")
    page.get_by_label("Name").fill("half done")
    page.reload()
    expect(page.get_by_label("Name")).to_have_value("half done")
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_label("Name")).to_have_value("")
    page.get_by_label("Example").select_option(label="A short one")
    expect(page.get_by_label("Name")).to_have_value("short")
    page.get_by_role("button", name="JSON").first.click()
    expect(page.get_by_label("Input as JSON")).to_have_value(re.compile('"name": "short"'))
    page.get_by_label("Input as JSON").fill('{"name": "by hand", "seconds": 2}')
    page.get_by_role("button", name="Form").click()
    expect(page.get_by_label("Name")).to_have_value("by hand")


def test_t1_rows_appear_and_change_without_moving_anything(browser: Any, bridge: Bridge) -> None:
    """T1: a row appears at once, and changes its state while focus and scroll stay."""
    page = browser.go("/ui/e/hpc/studio")
    page.get_by_label("Filter takes").wait_for()
    sid = bridge.session("hpc", "studio", name="portal")
    started = time.monotonic()
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "watched", "seconds": 2})
    row = page.get_by_role("row").filter(has_text=made["id"])
    expect(row.get_by_text("RUNNING")).to_be_visible(timeout=2000)
    assert time.monotonic() - started < 2
    row.focus()
    expect(row.get_by_text("DONE")).to_be_visible()
    expect(row).to_be_focused()
    page.keyboard.press("Enter")  # T4
    expect(page.get_by_role("heading", name=f"Take {made['id']}", level=1)).to_be_visible()


def test_t2_ten_thousand_rows_are_few_in_the_document(browser: Any) -> None:
    """T2: fewer than 60 rows are in the document, and the filter answers at once."""
    page = browser.go("/ui/e/hpc/studio/many")
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", re.compile(r"^1000\d|^1001\d"))
    assert page.locator(".t-body [role=row]").count() < 60
    page.get_by_label("Filter many").fill("take 9999")
    expect(page.locator(".t-body [role=row]")).to_have_count(1)
    page.get_by_label("Filter many").fill("")
    page.locator(".t-body [role=row]").first.focus()
    page.keyboard.press("End")
    expect(page.get_by_role("cell", name="row-9999", exact=True)).to_be_visible()
    assert page.locator(".t-body [role=row]").count() < 60


def test_t3_sort_and_filter_are_in_the_address(browser: Any) -> None:
    """T3 and T8: what is sorted, filtered and chosen by state is in the address, and holds over a reload."""
    page = browser.go("/ui/e/hpc/studio/many")
    page.get_by_role("button", name="FAILED").click()
    page.get_by_role("columnheader", name="Take").get_by_role("button").click()
    page.get_by_role("columnheader", name="Take").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="Take")).to_have_attribute("aria-sort", "descending")
    page.get_by_label("Filter many").fill("take 99")
    expect(page).to_have_url(re.compile(r"q=take\+99"))
    assert "state=FAILED" in page.url
    assert "sort=" in page.url
    page.reload()
    expect(page.get_by_label("Filter many")).to_have_value("take 99")
    expect(page.get_by_role("cell", name="row-9999", exact=True)).to_be_visible()


def test_t3_columns_are_chosen_and_kept(browser: Any) -> None:
    """T3: the columns that are shown are a choice that stands in the address."""
    page = browser.go("/ui/e/hpc/studio/many")
    heads = page.get_by_role("columnheader")
    expect(heads.filter(has_text="Note")).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    dialog = page.get_by_role("dialog", name="Columns of Many")
    for name in ("Note", "Began"):
        dialog.get_by_label(name).uncheck()
    assert browser.axe(page) == []
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Columns (3 of 5)")).to_be_focused()
    expect(heads).to_have_text(["Take", "State", "Name"])
    page.reload()
    expect(heads).to_have_text(["Take", "State", "Name"])
    page.get_by_role("button", name="Columns").click()
    dialog.get_by_role("button", name="As many as fit").click()
    page.keyboard.press("Escape")
    expect(heads.filter(has_text="Note")).to_be_visible()
    assert "columns=" not in page.url


def test_t3_back_leads_to_the_same_rows(browser: Any) -> None:
    """T3: the place in a long table is in the address; Back and a reload lead there."""
    page = browser.go("/ui/e/hpc/studio/many")
    expect(page.get_by_role("cell", name="row-0", exact=True)).to_be_visible()
    page.locator(".t-scroll").hover()
    page.mouse.wheel(0, 42 * 5000)
    expect(page).to_have_url(re.compile("row=5000"))
    cell = page.get_by_role("cell", name="row-5000", exact=True)
    expect(cell).to_be_in_viewport()
    page.reload()
    expect(cell).to_be_in_viewport()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    page.go_back()
    expect(cell).to_be_in_viewport()
    page.get_by_role("columnheader", name="Take").get_by_role("button").click()
    expect(page).not_to_have_url(re.compile("row="))


def test_t6_an_empty_table_says_what_to_do(own_system: Any, browsers: Any) -> None:
    """T6: the form that fills it is one click away."""
    _, bridge, _ = own_system
    browser = browsers(bridge.url)
    browser.sign_in(bridge.token)
    page = browser.go("/ui/e/hpc/studio")
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    page.get_by_role("link", name="Begin a take").click()
    expect(page.get_by_label("Name")).to_be_visible()


def test_o1_a_log_follows_only_at_its_end(browser: Any, bridge: Bridge) -> None:
    """O1: scrolling up pauses, the button tells of new lines and goes on; markup in it is text."""
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "loud", "seconds": 60})
    page = browser.go(f"/ui/e/hpc/studio/r/take/{made['id']}")
    log = page.get_by_role("log", name="sound")
    expect(log.get_by_text("line 40", exact=True)).to_be_visible()
    log.hover()
    page.mouse.wheel(0, -5000)
    more = page.get_by_role("button", name=re.compile(r"^\d+ new lines$"))
    expect(more).to_be_visible()
    top = log.evaluate("element => element.scrollTop")
    page.wait_for_timeout(500)
    assert log.evaluate("element => element.scrollTop") == top
    more.click()
    expect(more).to_be_hidden()
    bridge.post(f"/hpc/studio/drop/{sid}/{made['id']}")
    expect(page.get_by_text("complete")).to_be_visible()


def test_p1_plots_move(browser: Any, bridge: Bridge) -> None:
    """P1 and P3: new points come within 2 s, one line for each item; the values are there as a table too."""
    page = browser.go("/ui/e/hpc/studio/level")
    figure = page.get_by_role("region", name="Level").locator("figure")
    expect(figure).to_be_visible()
    before = int(figure.get_attribute("data-points") or 0)
    page.wait_for_timeout(2000)
    assert int(figure.get_attribute("data-points") or 0) >= before + 4
    channels = page.get_by_role("region", name="Channels")
    for n in range(3):
        expect(channels.get_by_text(f"channel {n}")).to_be_visible()
    channels.get_by_role("button", name="Table").click()
    expect(channels.get_by_role("columnheader", name="channel 2")).to_be_visible()
    page = browser.go("/ui/e/hpc/sysinfo")
    expect(page.get_by_role("region", name="CPU").locator("figure")).to_be_visible()
    expect(page.get_by_role("region", name="File systems").get_by_role("meter").first).to_be_visible()


def test_p1_a_hidden_page_draws_nothing(browser: Any) -> None:
    """P1: while nobody looks, what comes is kept and not drawn; then all of it is there at once."""
    page = browser.go("/ui/e/hpc/studio/level")
    figure = page.get_by_role("region", name="Level").locator("figure")
    expect(figure).to_be_visible()
    page.evaluate(
        """() => {
          const stroke = CanvasRenderingContext2D.prototype.stroke;
          window.drawn = 0;
          CanvasRenderingContext2D.prototype.stroke = function (...given) {
            window.drawn += 1;
            return stroke.apply(this, given);
          };
        }"""
    )
    until(lambda: page.evaluate("window.drawn") > 0, 10, "it draws")
    look = """(hidden) => {
      Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
      return window.drawn;
    }"""
    page.evaluate(look, True)
    page.wait_for_timeout(500)  # what was on its way is drawn
    before = page.evaluate("window.drawn")
    points = int(figure.get_attribute("data-points") or 0)
    page.wait_for_timeout(2000)
    assert page.evaluate("window.drawn") == before
    page.evaluate(look, False)
    until(lambda: int(figure.get_attribute("data-points") or 0) >= points + 6, 1, "what came is there")
    until(lambda: page.evaluate("window.drawn") > before, 1, "and drawn")


def test_p2_an_outage_is_a_gap(own_system: Any, browsers: Callable[..., Any]) -> None:
    """P2: no line leads over the time in which nothing was heard."""
    stand, bridge, _ = own_system
    browser = browsers(bridge.url)
    browser.allowed.append(r"Failed to load resource|net::ERR_(CONNECTION|EMPTY_RESPONSE|INCOMPLETE_CHUNKED)")
    browser.sign_in(bridge.token)
    with browser.refused("**/levels"):
        page = browser.go("/ui/e/hpc/studio/level")
        figure = page.get_by_role("region", name="Level").locator("figure")
        expect(figure).to_have_attribute("data-gaps", "0")
        bridge.kill()
        expect(figure).to_have_attribute("data-gaps", "1")
        before = int(figure.get_attribute("data-points") or 0)
        stand.bridge(port=bridge.port).has("hpc", "studio", within_s=60)
        until(lambda: int(figure.get_attribute("data-points") or 0) >= before + 4, 30, "it goes on")
        expect(figure).to_have_attribute("data-gaps", "1")


def test_p2_plots_begin_with_their_past(browser: Any) -> None:
    """P2: what was measured before the page was opened is there at once; spans are chosen; the cursor is shared."""
    page = browser.go("/ui/e/hpc/studio/level")
    figure = page.get_by_role("region", name="Level").locator("figure")
    expect(figure).to_be_visible()
    until(lambda: int(figure.get_attribute("data-points") or 0) >= 120, 10, "the past is in the plot")
    for name in ("15 min", "1 h"):
        button = page.get_by_role("region", name="Level").get_by_role("button", name=name)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
    page.get_by_role("region", name="Level").get_by_role("button", name="1 min").click()
    page.get_by_role("region", name="Level").locator(".u-over").hover(position={"x": 150, "y": 40})
    other = page.get_by_role("region", name="Channels").locator(".u-cursor-x")
    assert "-10px" not in (other.get_attribute("style") or "")


def test_x2_a_strangers_plugin_is_there_in_full(browser: Any) -> None:
    """X2: a plugin of a separately installed distribution has all its pages, and says where it is from."""
    page = browser.go("/ui/e/hpc/studio")
    expect(page.get_by_text("somebodys-studio")).to_be_visible()
    tabs = page.get_by_role("navigation", name="Views").get_by_role("link")
    expect(tabs).to_have_text(["Takes", "Begin", "Features", "Many", "Overview", "Odd", "Operations"])
    page = browser.go("/ui/activity")
    expect(page.get_by_role("table", name="Activity")).to_be_visible()


def test_f8_the_same_call_from_a_terminal_and_from_python(
    browser: Any, bridge: Bridge, shared_stand: Stand
) -> None:
    """F8: both copies run as they are, with the token from the environment and never in the text."""
    page = browser.go("/ui/e/hpc/studio/begin")
    page.get_by_label("Name").fill("it's copied")
    page.get_by_text("The same from a terminal or from Python").click()
    copies = page.locator("details .command pre").all_inner_texts()
    assert len(copies) == 2
    environ = shared_stand.environ | {"RADICAL_BRIDGE_TOKEN": bridge.token}
    for text, program in zip(copies, (("bash", "-euc"), (sys.executable, "-c")), strict=True):
        assert bridge.token not in text
        done = subprocess.run((*program, text), env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
    sid = bridge.session("hpc", "studio", name="portal")
    names = [take["name"] for take in bridge.get(f"/hpc/studio/takes/{sid}")["takes"]]
    assert names.count("it's copied") == 2
