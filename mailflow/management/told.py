"""A message's story for the terminal."""

from typing import Any

from mailflow.stories import MessageStory


def tell_story(stdout: Any, story: MessageStory, message_id: str) -> None:
    stdout.write(f"{message_id}: {story.look.label}")
    if story.trace:
        trace = story.trace
        stdout.write(f"  from <{trace.reverse_path}> through {trace.endpoint_name or trace.endpoint_id}")
        stdout.write(f"  client {trace.peer_address}, {trace.size_bytes:,} bytes, subject: {trace.subject}")
    for recipient, look in story.recipients:
        stdout.write(f"  <{recipient.mailbox}>: {look.label}")
    for event in story.events:
        stdout.write(f"  {event.at.isoformat(timespec='seconds')}  {event.look.label}")
    for delivery in story.deliveries:
        if delivery.is_pending and delivery.next_attempt_at:
            due = delivery.next_attempt_at.isoformat(timespec="seconds")
            stdout.write(
                f"  waits: {delivery.words} for {', '.join(delivery.recipients)}, next attempt {due}"
            )
