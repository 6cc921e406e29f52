import CPostgres
import RoostCore
