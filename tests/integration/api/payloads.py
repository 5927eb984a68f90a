"""Good bodies of the three kinds."""

from typing import Any

MESSAGE: dict[str, Any] = {
    "organizationId": "org_123",
    "instanceId": "wa_instance_1",
    "from": "5511999999999@c.us",
    "content": "Olá, quero agendar um banho",
    "messageId": "msg_abc123",
    "timestamp": 1795377084000,
}
AUTOMATION: dict[str, Any] = {
    "automationId": "auto_001",
    "organizationId": "org_123",
    "type": "reminder",
    "recipientNumber": "5511999999999",
    "content": "Lembrete: Consulta amanhã às 10h",
    "metadata": {"bookingId": "booking_123"},
}
CAMPAIGN: dict[str, Any] = {
    "campaignId": "campaign_001",
    "organizationId": "org_123",
    "recipients": ["5511988888888", {"number": "5511977777777", "variables": {"name": "Ana"}}],
    "template": "Olá {{name}}, temos promoção hoje!",
    "variables": {"name": "Cliente"},
}
BODIES = {"/v1/messages": MESSAGE, "/v1/automations": AUTOMATION, "/v1/campaigns": CAMPAIGN}
QUEUES = {"/v1/messages": "message", "/v1/automations": "automation", "/v1/campaigns": "campaign"}
