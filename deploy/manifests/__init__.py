"""Kubernetes manifests without a cluster: `render` applies an overlay, `python -m deploy.manifests` checks them all."""
