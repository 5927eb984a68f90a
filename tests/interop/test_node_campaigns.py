"""A Node service adds a campaign by a template that Meta approved, with the real BullMQ; our workers send it."""

from pathlib import Path

import pytest

from tests.integration.campaigns.at_meta import SHOP, at_meta
from tests.interop.node_peer import Node, NodeError

REQUEST = {
    "campaignId": "promo", "organizationId": SHOP.id, "template": "Oi {{nome}}! {{animal|Seu amigo}} tem desconto.",
    "metaTemplate": {"name": "promo_banho", "language": "pt_BR", "parameters": ["{{nome}}", "{{animal|seu amigo}}"]},
    "recipients": [{"number": "5511970000001", "variables": {"nome": "Zoë 🐶", "animal": "Rex"}}, "5511970000002"],
    "variables": {"nome": "Cliente"},
}  # fmt: skip


async def test_a_campaign_of_node_goes_out_by_its_template(
    node: Node, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    async with at_meta(redis_url, prefix, tmp_path) as rig:
        await node.queue("campaign").add("bulk", REQUEST)
        await rig.until_ended()

        assert sorted(rig.at_cloud()) == [
            ("5511970000001", "template", "promo_banho Zoë 🐶 Rex"),
            ("5511970000002", "template", "promo_banho Cliente seu amigo"),
        ]


async def test_a_recipient_of_node_whom_meta_would_refuse_is_named_and_nothing_is_sent(
    node: Node, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    async with at_meta(redis_url, prefix, tmp_path) as rig:
        added = await node.queue("campaign").add("bulk", {**REQUEST, "variables": {"nome": " "}})

        with pytest.raises(NodeError, match=r"metaTemplate.parameters\[0\]: as rendered for recipient 5511970000002"):
            await node.finished("campaign", added["id"])
        assert rig.at_cloud() == []
