"""What is held about one person: found, handed out, erased (LGPD, arts. 16 and 18)."""
