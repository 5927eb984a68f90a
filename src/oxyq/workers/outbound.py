"""What goes out for a job whose text may have an approved template beside it."""

from oxyq.gateways.outbound import OutboundTemplate, OutboundText
from oxyq.jobs import MetaTemplate


def text_or_template(text: OutboundText, template: MetaTemplate | None) -> OutboundText | OutboundTemplate:
    """The text, or the template with that text; the sender takes the text where no template can be sent."""
    if template is None:
        return text
    return OutboundTemplate(
        organization_id=text.organization_id,
        instance_id=text.instance_id,
        recipient=text.recipient,
        template=template.name,
        language=template.language,
        parameters=template.parameters,
        text=text.text,
        key=text.key,
    )
