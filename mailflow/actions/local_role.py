"""The role that an action reaches its destination through: so far the local one alone."""

from destinations import services as destinations
from mailflow.actions.configured import MISCONFIGURED, NEVER_CONFIGURED, look_up, same_for_all
from mailflow.actions.contract import Finish, Job, Result


async def refusal_of_role(job: Job) -> list[Result]:
    """[] where the action's RoleArn is the local role's; else why it can't be done."""
    arn = job.delivery.action["RoleArn"]
    role = await look_up(destinations.find_role, arn)
    if role is None:
        words = f"there is no role {arn}; the message waits for it"
        return same_for_all(job, Finish.TEMPORARY, words, MISCONFIGURED)
    if not role.is_local:
        words = f"role {role.name} leads to another service, which this installation can't reach yet"
        return same_for_all(job, Finish.PERMANENT, words, NEVER_CONFIGURED)
    return []
