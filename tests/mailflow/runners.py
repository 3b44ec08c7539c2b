"""Actions of the tests' own: they write files, and fail as they are told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mailflow.actions.contract import Finish, Job, Result


@dataclass
class FileRunner:
    """One file for each recipient, with a line for each time it was delivered to.

    `answers(recipient, attempt)`: None for success, else Finish and words (and status).
    """

    folder: Path
    answers: Callable[[str, int], tuple[str, ...] | None] = lambda recipient, attempt: None
    seconds: float = 0.0
    jobs: list[Job] = field(default_factory=list)

    async def run(self, job: Job) -> list[Result]:
        self.jobs.append(job)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return [self._deliver(job, recipient) for recipient in job.recipients]

    def _deliver(self, job: Job, recipient: str) -> Result:
        answer = self.answers(recipient, job.attempt)
        if answer is not None:
            finish, words, *rest = answer
            return Result(recipient, Finish(finish), words, *rest)
        with (self.folder / f"{job.envelope.message_id}.{job.delivery.position}.{recipient}").open(
            "a"
        ) as file:
            file.write(f"attempt {job.attempt}\n")
        return Result(recipient, Finish.DONE, "stored")

    def deliveries(self) -> list[str]:
        """Recipients, once for each time, sorted."""
        return sorted(
            path.name.split(".", 2)[2]
            for path in self.folder.iterdir()
            for _line in path.read_text().splitlines()
        )
