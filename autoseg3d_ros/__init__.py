"""The ROS 2 side: messages in, messages out; all of the thinking is in `autoseg3d_core`."""
