"""Somebody who does the walk of SPEC §1 in a browser: in either language, with JavaScript or without."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from django.utils import translation
from playwright.sync_api import Locator, Page, expect

from tests.servers.system import System

SHOTS = os.environ.get("SHOTS")  # a directory: pictures of the walk are left there


@dataclass
class Walker:
    """`language`: of the browser; the console follows it. `say` has the words that the page should show."""

    page: Page
    language: str
    has_javascript: bool
    pictures: int = 0

    def say(self, english: str) -> str:
        with translation.override(self.language):
            return translation.gettext(english)

    # --- what a person does ---------------------------------------------------------------------

    def signs_in(self, system: System) -> None:
        page = self.page
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("lang", self.language)
        self.looks_at("sign-in")
        page.locator("#id_username").fill(system.admin_name)
        page.locator("#id_password").fill(system.admin_password)
        self.presses("Sign in")
        expect(page.get_by_role("heading", level=1)).to_have_text(self.say("Dashboard"))
        self.looks_at("dashboard")

    def goes_to(self, room: str) -> None:
        """By the navigation."""
        link = self.page.locator(".side-navigation--wide").get_by_role(
            "link", name=self.say(room), exact=True
        )
        link.click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(self.say(room))

    def presses(self, words: str, *, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("button", name=self.say(words), exact=True).first.click()

    def follows(self, words: str, *, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("link", name=self.say(words), exact=True).first.click()

    def submits(self, words: str) -> None:
        """The button at the end of the page's form."""
        button = self.page.locator(".form__actions").get_by_role("button")
        expect(button).to_have_text(self.say(words))
        button.click()

    def sees(self, words: str) -> None:
        expect(self.page.locator("main")).to_contain_text(self.say(words))

    def looks_at(self, name: str) -> None:
        """A picture where they are wished for; and nothing sticks out of the window."""
        self.pictures += 1
        if SHOTS:
            self.page.mouse.wheel(0, -10_000)
            way = "" if self.has_javascript else "-plain"
            path = Path(SHOTS) / f"{self.language}{way}-{self.pictures:02}-{name}.png"
            self.page.screenshot(path=path, full_page=True, caret="initial")
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        if self.has_javascript:
            assert self.page.evaluate(over) <= 0, name

    # --- the rooms ------------------------------------------------------------------------------

    def makes_mailbox(self, name: str) -> None:
        self.goes_to("Mailboxes")
        self.follows("Create mailbox")
        self.page.locator("#id_name").fill(name)
        self.submits("Create mailbox")
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)

    def makes_policy(self, name: str, *, refusing: str) -> None:
        page = self.page
        self.goes_to("Traffic policies")
        self.looks_at("policies")
        self.follows("Create traffic policy")
        page.locator("#id_name").fill(name)
        page.locator("[name=default_action][value=ALLOW]").check()
        page.locator("#id_max_message_size_bytes").fill("1 MB")
        page.locator("button[value='statements:add']").click()
        self.types_values("statements-0-conditions-0", refusing)
        self.looks_at("create-policy")
        self.submits("Create traffic policy")
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.locator("main")).to_contain_text(refusing)
        self.looks_at("policy")

    def makes_rule_set(self, name: str, *, mailbox: str) -> None:
        page = self.page
        self.goes_to("Rule sets")
        self.follows("Create rule set")
        page.locator("#id_name").fill(name)
        page.locator("button[value='rules:add']").click()
        page.locator("#rule-name").fill("keep")
        expect(page.locator("#actions-0-kind")).to_have_value("DeliverToMailbox")
        page.get_by_label(self.say("Mailbox"), exact=True).fill(mailbox)
        self.looks_at("create-rule-set")
        self.submits("Create rule set")
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        self.looks_at("rule-set")

    def types_values(self, row: str, *values: str) -> None:
        """Into a condition: tokens, or without JavaScript the text area that they are made of."""
        if not self.has_javascript:
            self.page.locator(f"#{row}-values").fill("\n".join(values))
            return
        cell = self.page.locator(".attribute-editor__values").filter(has=self.page.locator(f"#{row}-values"))
        field = cell.get_by_label(self.say("Add a value"))
        for value in values:
            field.fill(value)
            field.press("Enter")

    def waits_until_active(self, *, patience_seconds: float) -> None:
        """The status turns by itself; without JavaScript on a reload."""
        status = self.page.locator("#general .status").first
        active = re.compile(re.escape(self.say("Active")))
        for _ in range(1 if self.has_javascript else int(patience_seconds)):
            if self.has_javascript:
                expect(status).to_have_text(active, timeout=patience_seconds * 1000)
            elif active.search(status.inner_text()):
                break
            else:
                self.page.wait_for_timeout(1000)
                self.page.reload()
        expect(status).to_have_text(active)

    def value_of(self, label: str) -> str:
        """What stands below a label of the grid of labels and values."""
        entry = self.page.locator("dt", has_text=re.compile(f"^{re.escape(self.say(label))}$")).first
        return entry.locator("xpath=following-sibling::dd[1]").locator(".key-value__text").inner_text()
