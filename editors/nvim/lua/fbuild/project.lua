-- Where a project begins: the nearest folder that says that firmware is made there.
local M = {}

-- Files and folders that make a folder a project, whatever is in them. A partition table alone does
-- so only where nothing else does, since projects keep theirs in folders of any name.
local weak_marker = 'partitions.csv'
local markers = {
  'platformio.ini',
  'sdkconfig',
  'sdkconfig.defaults',
  'build/flasher_args.json',
  'build/zephyr/runners.yaml',
  'sketch.yaml',
  'pico_sdk_import.cmake',
  'espflash.toml',
  '.fbuild',
}

-- Only firmware depends on these crates; `esp-hal` also stands for `esp-hal-embassy` and its like.
local crates = {
  '%f[%w]esp%-hal',
  '%f[%w]esp%-idf%-sys',
  '%f[%w]esp%-idf%-svc',
  '%f[%w]esp%-idf%-hal',
  '%f[%w]esp%-bootloader%-esp%-idf',
  '%f[%w]esp%-wifi',
  '%f[%w]esp%-radio',
  '%f[%w]esp%-backtrace',
}

---@param path string
---@param words string[] Lua patterns
---@return boolean
local function mentions(path, words)
  local file = io.open(path)
  local text = file and file:read('*a') or ''
  if file then
    file:close()
  end
  return vim.iter(words):any(function(word)
    return text:find(word) ~= nil
  end)
end

---@param dir string
---@return boolean
local function is_project(dir)
  -- An Arduino sketch is named like its folder.
  local sketch = vim.fs.basename(dir) .. '.ino'
  for _, marker in ipairs({ sketch, unpack(markers) }) do
    if vim.uv.fs_stat(vim.fs.joinpath(dir, marker)) then
      return true
    end
  end
  -- ESP-IDF's projects have nothing else before they are built.
  local words = { 'espflash', 'xtensa%-esp', '%-esp%-espidf', '/tools/cmake/project%.cmake' }
  return vim.iter({ '.cargo/config.toml', '.cargo/config', 'CMakeLists.txt' }):any(function(name)
    return mentions(vim.fs.joinpath(dir, name), words)
  end)
end

--- The outermost of the cargo projects around `path`, if one of them is for an ESP32: a member of a
--- workspace is built in the workspace's folder.
---@param path string
---@return string?
local function cargo_root(path)
  local found =
    vim.fs.find('Cargo.toml', { path = path, upward = true, type = 'file', limit = math.huge })
  local is_esp = vim.iter(found):any(function(manifest)
    return mentions(manifest, crates)
  end)
  return is_esp and vim.fs.dirname(found[#found]) or nil
end

--- The project that a file or folder belongs to.
---@param path string
---@return string? root
function M.root(path)
  path = vim.fs.normalize(vim.fs.abspath(path))
  local dirs = vim.fn.isdirectory(path) == 1 and { path } or {}
  vim.list_extend(dirs, vim.iter(vim.fs.parents(path)):totable())
  for _, dir in ipairs(dirs) do
    if is_project(dir) then
      return dir
    end
  end
  return cargo_root(dirs[1]) or vim.fs.root(dirs[1], weak_marker)
end

-- What is no project of the person's, however it looks.
local not_ours = { 'build', 'target', 'node_modules', 'managed_components', 'components' }

--- The projects below a folder, three levels down; none inside another.
---@param dir string
---@return string[] roots
function M.below(dir)
  local found = {} ---@type string[]
  local function is_inside(path)
    return vim.iter(found):any(function(root)
      return vim.startswith(path, root .. '/')
    end)
  end
  local entries = vim.fs.dir(dir, {
    depth = 3,
    skip = function(name)
      local base = vim.fs.basename(name)
      return not vim.startswith(base, '.') and not vim.list_contains(not_ours, base)
    end,
  })
  for name, kind in entries do
    local path = vim.fs.joinpath(dir, name)
    local is_ours = not vim.list_contains(not_ours, vim.fs.basename(name))
    if kind == 'directory' and is_ours and not is_inside(path) and is_project(path) then
      table.insert(found, path)
    end
  end
  table.sort(found)
  return found
end

--- The project that a buffer's file belongs to.
---@param buffer integer
---@return string? root
function M.root_of_buffer(buffer)
  local name = vim.api.nvim_buf_get_name(buffer)
  local is_file = name ~= '' and vim.bo[buffer].buftype == ''
  return is_file and M.root(name) or nil
end

return M
