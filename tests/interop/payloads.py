"""The payloads of the three queues as a Node service writes them: compact JSON, in its order, letter for letter."""

MESSAGE = (
    '{"organizationId":"org_123","instanceId":"wa_instance_1","from":"5511999999999@c.us",'
    '"content":"Olá, quero agendar um banho 🐶🛁","messageId":"msg_abc123","timestamp":1795377084000}'
)
CAMPAIGN = (
    '{"campaignId":"campaign_001","organizationId":"org_123","recipients":["5511888888888","5511777777777",'
    '{"number":"5511666666666","variables":{"name":"Zoë 👩‍👩‍👧‍👦"}}],'
    '"template":"Olá {{name}}, temos promoção hoje! 🎉","variables":{"name":"Cliente"}}'
)
AUTOMATION = (
    '{"automationId":"auto_001","organizationId":"org_123","type":"reminder","recipientNumber":"5511999999999",'
    '"content":"Lembrete: Consulta amanhã às 10h ⏰","scheduledFor":1795380684000,'
    '"metadata":{"bookingId":"booking_123"}}'
)
#: What JSON.stringify leaves as it is and others like to escape, reorder or round.
AWKWARD = (
    '{"z":1,"a":{"9":"nine","10":"ten"},"control":"\\u0000\\u001f\\t\\n\\"\\\\/","separators":"\u2028\u2029",'
    '"astral":"𝕆𐍈🇧🇷","empty":["",{},[],null,false,0],"half":0.1,"whole":9007199254740991,"negative":-1.5,"é":"e\u0301"}'
)
#: A text that was cut inside an emoji: JSON.stringify escapes what is left of it.
CUT = '{"text":"Bom dia! \\ud83d"}'
PAYLOADS = {"message": MESSAGE, "campaign": CAMPAIGN, "automation": AUTOMATION, "awkward": AWKWARD, "cut": CUT}
