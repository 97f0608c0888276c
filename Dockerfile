# docker build -t ssdiff .                            for CPUs
# docker build -t ssdiff:cuda --build-arg TORCH=cu130 .   for NVIDIA GPUs: docker run --gpus all ...
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
# A folder of https://download.pytorch.org/whl: cpu, cu126, cu130, ...
ARG TORCH=cpu
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY ssdiff_cli ssdiff_cli
COPY models models
RUN python -m venv /opt/ssdiff \
    && /opt/ssdiff/bin/pip install --no-cache-dir -c constraints.txt \
        --extra-index-url "https://download.pytorch.org/whl/${TORCH}" ".[report]"

FROM python:${PYTHON}-slim
# The one library that rasterio's wheels expect of the system.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 ssdiff
COPY --from=build /opt/ssdiff /opt/ssdiff
ENV PATH=/opt/ssdiff/bin:$PATH
USER ssdiff
WORKDIR /data
ENTRYPOINT ["ssdiff"]
CMD ["--help"]
