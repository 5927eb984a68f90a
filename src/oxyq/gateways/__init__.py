"""The ways out to WhatsApp, all behind one small contract."""
