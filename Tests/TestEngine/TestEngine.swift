import Queries
import RoostCore
import SQLiteDriver
