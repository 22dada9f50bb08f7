"""autoseg3d_core: posed RGB-D frames in, tracked 3D instances out; no ROS inside."""
