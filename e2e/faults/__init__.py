"""The story under faults: each way of breaking the machinery around PathCheck, with what it promises meanwhile."""
