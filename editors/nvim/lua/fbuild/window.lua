-- Scratch windows: the preview window at the bottom. It does not take the focus, the next text
-- takes its place, and `:pclose` closes it from anywhere.
local M = {}

---@return integer? window
local function preview_window()
  return vim.iter(vim.api.nvim_tabpage_list_wins(0)):find(function(window)
    return vim.wo[window].previewwindow
  end)
end

---@param name string as in `fbuild://plan`
---@return integer buffer
local function buffer_of(name)
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_get_name(buffer) == name then
      return buffer
    end
  end
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, name)
  vim.bo[buffer].modifiable = false
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, nowait = true })
  return buffer
end

---@param buffer integer
---@param first integer
---@param last integer
---@param lines string[]
local function set_lines(buffer, first, last, lines)
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, first, last, false, lines)
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].modified = false
end

--- The buffer's text, in a window of its own.
---@param buffer integer
---@param is_prose boolean its lines are sentences, and not the rows of a table
local function show(buffer, is_prose)
  local window = preview_window()
  if window then
    vim.api.nvim_win_set_buf(window, buffer)
  else
    window = vim.api.nvim_open_win(buffer, false, { split = 'below', win = -1 })
    vim.wo[window].previewwindow = true
  end
  for option, value in pairs({
    number = false,
    relativenumber = false,
    signcolumn = 'no',
    spell = false,
    winfixheight = true,
    wrap = is_prose,
    linebreak = is_prose,
    breakindent = is_prose,
    breakindentopt = 'shift:4',
  }) do
    vim.wo[window][0][option] = value
  end
  local height = vim.api.nvim_win_text_height(window, {}).all
  vim.api.nvim_win_set_height(window, math.min(height, math.floor(vim.o.lines / 2)))
  return window
end

--- Show these lines.
---@param name string as in `fbuild://plan`
---@param lines string[]
---@param is_prose? boolean
function M.show(name, lines, is_prose)
  local buffer = buffer_of(name)
  set_lines(buffer, 0, -1, lines)
  vim.api.nvim_win_set_cursor(show(buffer, is_prose or false), { 1, 0 })
end

--- Add lines to a text that grows, whether it is shown or not; only the last ones are kept.
---@param name string
---@param lines string[]
---@param n_kept integer
function M.append(name, lines, n_kept)
  local buffer = buffer_of(name)
  local count = vim.api.nvim_buf_line_count(buffer)
  local is_empty = count == 1 and vim.api.nvim_buf_get_lines(buffer, 0, 1, false)[1] == ''
  set_lines(buffer, is_empty and 0 or count, -1, lines)
  count = vim.api.nvim_buf_line_count(buffer)
  if count > n_kept then
    set_lines(buffer, 0, count - n_kept, {})
  end
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    if window ~= vim.api.nvim_get_current_win() then
      M.to_end(window)
    end
  end
end

--- Show a text that grows, from its end.
---@param name string
function M.show_end(name)
  M.to_end(show(buffer_of(name), true))
end

---@param window integer
function M.to_end(window)
  local buffer = vim.api.nvim_win_get_buf(window)
  vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(buffer), 0 })
end

return M
