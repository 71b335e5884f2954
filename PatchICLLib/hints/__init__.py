"""What painted slices say about the others, before a network looks: functions of batched tensors on any device."""
